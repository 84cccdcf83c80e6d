//! The class that protein domains show.

use std::collections::BTreeMap;

use crate::proteins::{Domain, Meaning};

/// Score in bits, of all domains of an order, from which on it is named: of eleven rice sequences whose domains have
/// less, three are of another order.
const MIN_SCORE: f64 = 18.0;
/// Score in bits, of all domains of a superfamily, from which on it is named: shorter similarities are shared by
/// related superfamilies, such as the gag proteins of Gypsy and Copia.
const MIN_SUPERFAMILY_SCORE: f64 = 35.0;
/// A class contradicts the best one if its domains have more than one of this many of the bits of the best.
const CONTRADICTION: f64 = 2.0;

/// The order of a class: what is before the slash, without a question mark.
pub(super) fn order(class: &str) -> &str {
    class.split('/').next().unwrap_or(class).trim_end_matches('?')
}

/// Whether a class names a superfamily.
pub(crate) fn has_superfamily(class: &str) -> bool {
    class.contains('/')
}

/// The class that domains show: the order with the highest sum of scores, and its superfamily likewise. None if no
/// domain is of transposons, or if those of another order have more than half of the score.
pub(crate) fn class_of_domains(domains: &[Domain]) -> Option<String> {
    let mut classes: BTreeMap<&str, f64> = BTreeMap::new();
    // Several domains of one profile, such as zinc fingers in a row, count once.
    let mut profiles: BTreeMap<&str, &Domain> = BTreeMap::new();
    for domain in domains {
        let best = profiles.entry(&domain.profile).or_insert(domain);
        if domain.score > best.score {
            *best = domain;
        }
    }
    for domain in profiles.values() {
        if let Meaning::Class(class) = &domain.meaning {
            *classes.entry(class).or_default() += domain.score;
        }
    }
    let open = profiles.values().filter_map(|domain| match &domain.meaning {
        Meaning::OneOf(classes) => Some((classes, domain.score)),
        _ => None,
    });
    let decided = best(by_order(&classes))?.map(str::to_owned);
    let mut contrary = Vec::new();
    for (alternatives, score) in open {
        let supported = alternatives.iter().find(|class| decided.as_deref() == Some(order(class)));
        let class = match (supported, &decided) {
            (Some(class), _) => class,
            (None, None) => &alternatives[0],
            // Another order has the domain too.
            (None, Some(_)) => {
                contrary.push((alternatives, score));
                continue;
            }
        };
        // A named superfamily is not contradicted by what several of its order have.
        let is_named = classes.keys().any(|named| order(named) == order(class) && has_superfamily(named));
        *classes.entry(if is_named { order(class) } else { class }).or_default() += score;
    }
    let mut orders = by_order(&classes);
    let order_of = best(orders.clone())??.to_owned();
    // A domain of several orders supports each of those that contradict.
    for (alternatives, score) in contrary {
        alternatives.iter().for_each(|class| *orders.entry(order(class)).or_default() += score);
    }
    let score = orders[&order_of[..]];
    best(orders)??;
    if score < MIN_SCORE {
        return None;
    }
    let of_order = |class: &&str| order(class) == order_of && has_superfamily(class);
    let named: BTreeMap<&str, f64> = classes.into_iter().filter(|(class, _)| of_order(class)).collect();
    let superfamily = best(named.iter().map(|(class, score)| (*class, *score)).collect()).flatten();
    let superfamily = superfamily.filter(|class| named[class] >= MIN_SUPERFAMILY_SCORE);
    Some(superfamily.map_or(order_of, str::to_owned))
}

fn by_order<'a>(classes: &BTreeMap<&'a str, f64>) -> BTreeMap<&'a str, f64> {
    let mut orders = BTreeMap::new();
    for (class, score) in classes {
        *orders.entry(order(class)).or_default() += score;
    }
    orders
}

/// The one with the highest score: `Some(None)` if there is none, `None` if another contradicts it.
fn best(scores: BTreeMap<&str, f64>) -> Option<Option<&str>> {
    let mut ranked: Vec<(&str, f64)> = scores.into_iter().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    match ranked[..] {
        [] => Some(None),
        [(_, first), (_, second), ..] if CONTRADICTION * second > first => None,
        [(class, _), ..] => Some(Some(class)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kmer::Strand;

    fn class(domains: &[(&str, f64)]) -> Option<String> {
        let domain = |(class, score): &(&str, f64)| Domain {
            profile: format!("{class} {score}"),
            meaning: match class.split_once('|') {
                Some((one, other)) => Meaning::OneOf(vec![one.to_owned(), other.to_owned()]),
                None if *class == "-" => Meaning::Neutral,
                None if *class == "host" => Meaning::Host,
                None => Meaning::Class((*class).to_owned()),
            },
            range: 0..300,
            strand: Strand::Forward,
            columns: 0..100,
            profile_length: 100,
            score: *score,
            e_value: 1e-9,
        };
        class_of_domains(&domains.iter().map(domain).collect::<Vec<_>>())
    }

    #[test]
    fn domains_are_summed_and_may_contradict() {
        type Case = (&'static [(&'static str, f64)], Option<&'static str>);
        let cases: [Case; 15] = [
            (&[], None),
            (&[("-", 90.0), ("host", 90.0)], None),
            (&[("LTR/Copia", 90.0), ("LTR", 50.0)], Some("LTR/Copia")),
            // Too low for a superfamily.
            (&[("LTR/Copia", 20.0)], Some("LTR")),
            (&[("LTR/Copia", 17.0)], None),
            (&[("LTR/Copia", 90.0), ("LTR/Gypsy", 30.0)], Some("LTR/Copia")),
            (&[("LTR/Copia", 90.0), ("LTR/Gypsy", 60.0)], Some("LTR")),
            (&[("LTR/Copia", 90.0), ("DNA", 60.0)], None),
            (&[("LTR/Copia", 90.0), ("DNA", 30.0)], Some("LTR/Copia")),
            (&[("LINE|LTR/Gypsy", 90.0)], Some("LINE")),
            (&[("LINE|LTR/Gypsy", 90.0), ("LTR", 30.0)], Some("LTR/Gypsy")),
            (&[("LINE|LTR/Gypsy", 90.0), ("LTR/Pao", 40.0)], Some("LTR/Pao")),
            (&[("LINE|LTR/Gypsy", 90.0), ("LINE/L1", 40.0)], Some("LINE/L1")),
            (&[("LINE|LTR/Gypsy", 90.0), ("DNA/hAT", 40.0)], None),
            (&[("LINE|LTR/Gypsy", 60.0), ("LTR", 70.0), ("DNA/hAT", 250.0)], None),
        ];
        for (domains, wanted) in cases {
            assert_eq!(class(domains).as_deref(), wanted, "{domains:?}");
        }
    }
}
