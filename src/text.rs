//! Names from input appear in messages. They may have any length and any letters, and must not control the terminal.

use std::borrow::Cow;
use std::fmt::Write;

/// Letters of a name in a message: with the sentence around it, it fits two lines of a terminal.
const MAX_SHOWN: usize = 80;

/// A name for a message; only the start of a long one.
pub(crate) fn shortened(name: &str) -> Cow<'_, str> {
    match name.char_indices().nth(MAX_SHOWN) {
        None => name.into(),
        Some((end, _)) => format!("{}… ({} bytes)", &name[..end], name.len()).into(),
    }
}

/// Whether a character controls the terminal: control characters (ESC among them), and those that change the direction
/// or the line of the text around them (<https://www.unicode.org/reports/tr9/>).
fn is_control(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Text that is safe on a terminal: characters that would control it, except `kept`, are escaped as in `\u{1b}`.
pub(crate) fn printable<'t>(text: &'t str, kept: &[char]) -> Cow<'t, str> {
    let strange = |letter: char| is_control(letter) && !kept.contains(&letter);
    if !text.contains(strange) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        if strange(letter) {
            // Writing into a String cannot fail.
            let _ = write!(shown, "{}", letter.escape_unicode());
        } else {
            shown.push(letter);
        }
    }
    shown.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert!(matches!(printable("chr1 é\u{4E2D}", &[]), Cow::Borrowed(_)));
        assert_eq!(
            printable("a\u{1b}[31m\u{9b}\u{7f}\u{202e}\n\tb", &['\n', '\t']),
            "a\\u{1b}[31m\\u{9b}\\u{7f}\\u{202e}\n\tb"
        );
        assert_eq!(printable("a\nb\r", &[]), "a\\u{a}b\\u{d}");
    }

    #[test]
    fn long_names_are_shortened_between_letters() {
        assert_eq!(shortened(&"é".repeat(MAX_SHOWN)), "é".repeat(MAX_SHOWN));
        assert_eq!(shortened(&"é".repeat(MAX_SHOWN + 1)), format!("{}… (162 bytes)", "é".repeat(MAX_SHOWN)));
    }
}
