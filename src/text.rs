//! Text of users in messages: names of any length and any letters, as a terminal can show them.

use std::borrow::Cow;
use std::fmt::Write;

/// Letters of a name in a message, at most: a line of a terminal holds it and the sentence around it.
const SHOWN: usize = 80;

/// A name as a message quotes it; of a long one, the beginning.
pub(crate) fn shortened(name: &str) -> Cow<'_, str> {
    match name.char_indices().nth(SHOWN) {
        None => name.into(),
        Some((end, _)) => format!("{}… ({} bytes)", &name[..end], name.len()).into(),
    }
}

/// Whether a terminal acts on a character instead of showing it: controls (ESC among them), and what changes the direction or
/// the line of the text around it (<https://www.unicode.org/reports/tr9/>).
fn acts(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Text that a terminal shows as it is: all that it would act on, but for `kept`, is written as `\u{1b}`.
pub(crate) fn printable<'t>(text: &'t str, kept: &[char]) -> Cow<'t, str> {
    let strange = |letter: char| acts(letter) && !kept.contains(&letter);
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
    fn what_a_terminal_acts_on_is_escaped() {
        assert!(matches!(printable("chr1 é\u{4E2D}", &[]), Cow::Borrowed(_)));
        assert_eq!(
            printable("a\u{1b}[31m\u{9b}\u{7f}\u{202e}\n\tb", &['\n', '\t']),
            "a\\u{1b}[31m\\u{9b}\\u{7f}\\u{202e}\n\tb"
        );
        assert_eq!(printable("a\nb\r", &[]), "a\\u{a}b\\u{d}");
    }

    #[test]
    fn long_names_are_shortened_between_letters() {
        assert_eq!(shortened(&"é".repeat(SHOWN)), "é".repeat(SHOWN));
        assert_eq!(shortened(&"é".repeat(SHOWN + 1)), format!("{}… (162 bytes)", "é".repeat(SHOWN)));
    }
}
