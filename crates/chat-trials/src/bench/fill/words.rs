//! Texts like people's: words whose frequencies follow Zipf's law, in sentences of 60 to 120 letters.

use crate::rng::Rng;

/// Number of different words. Word n is n times as rare as the first.
const WORDS: usize = 60_000;
const CONSONANTS: &[u8] = b"bcdfghjklmnprstvwz";
const VOWELS: &[u8] = b"aeiou";
/// Longest text, and the length from which a text may end if the next word does not fit: the longest word, with the
/// space before it, is shorter than their difference to the bounds of a text.
const LONGEST: u64 = 120;
const SHORTEST_LIMIT: u64 = 67;

/// A source of texts.
pub(in crate::bench) struct Words {
    /// For each word, the sum of the weights up to it.
    sums: Vec<f64>,
}

impl Words {
    pub(in crate::bench) fn new() -> Self {
        let mut sum = 0.0;
        let sums = (1..=WORDS)
            .map(|rank| {
                sum += 1.0 / rank as f64;
                sum
            })
            .collect();
        Self { sums }
    }

    /// Rank of a random word, from 0: the most frequent one.
    pub(in crate::bench) fn draw(&self, rng: &mut Rng) -> usize {
        let whole = self.sums.last().copied().unwrap_or_default();
        // The upper 53 bits are a fraction of 1.
        let chance = (rng.number() >> 11) as f64 / (1_u64 << 53) as f64;
        self.sums.partition_point(|sum| *sum <= chance * whole).min(WORDS - 1)
    }

    /// A text of 60 to 120 letters.
    pub(in crate::bench) fn text(&self, rng: &mut Rng) -> String {
        let limit = usize::try_from(rng.between(SHORTEST_LIMIT, LONGEST)).unwrap_or(usize::MAX);
        let mut text = String::with_capacity(limit);
        loop {
            let start = text.len();
            if start > 0 {
                text.push(' ');
            }
            write_word(self.draw(rng), &mut text);
            if text.len() > limit {
                text.truncate(start);
                return text;
            }
        }
    }
}

/// Writes a word: a syllable for each digit of its rank, so that frequent words are short.
fn write_word(rank: usize, text: &mut String) {
    let mut left = rank + 1;
    while left > 0 {
        let digit = (left - 1) % (CONSONANTS.len() * VOWELS.len());
        left = (left - 1) / (CONSONANTS.len() * VOWELS.len());
        let letters = [CONSONANTS.get(digit / VOWELS.len()), VOWELS.get(digit % VOWELS.len())];
        text.extend(letters.into_iter().flatten().map(|letter| char::from(*letter)));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn word(rank: usize) -> String {
        let mut text = String::new();
        write_word(rank, &mut text);
        text
    }

    #[test]
    fn words_are_as_frequent_as_zipf_says() {
        let (words, mut rng) = (Words::new(), Rng::new(1, "words", 0));
        let mut counts = vec![0_u32; WORDS];
        let drawn = 400_000;
        for _ in 0..drawn {
            counts[words.draw(&mut rng)] += 1;
        }
        let harmonic: f64 = (1..=WORDS).map(|rank| 1.0 / rank as f64).sum();
        for rank in [1, 2, 3, 10, 100] {
            let expected = f64::from(drawn) / harmonic / rank as f64;
            let found = f64::from(counts[rank - 1]);
            // Five standard deviations of a count.
            assert!((found - expected).abs() < 5.0 * expected.sqrt(), "{rank}: {found}, not {expected}");
        }
        assert!(counts.iter().filter(|count| **count > 0).count() > 20_000, "tens of thousands of words");
    }

    #[test]
    fn texts_have_60_to_120_letters_and_are_made_of_words() {
        let (words, mut rng) = (Words::new(), Rng::new(2, "texts", 0));
        let texts: Vec<String> = (0..2_000).map(|_| words.text(&mut rng)).collect();
        assert!(texts.iter().all(|text| (60..=120).contains(&text.len())));
        assert!(texts.iter().any(|text| text.len() < 70) && texts.iter().any(|text| text.len() > 110));
        let known: HashSet<String> = (0..WORDS).map(word).collect();
        assert!(texts.iter().flat_map(|text| text.split(' ')).all(|word| known.contains(word)));
    }

    #[test]
    fn no_two_words_are_the_same() {
        let all: HashSet<String> = (0..WORDS).map(word).collect();
        assert_eq!(all.len(), WORDS);
        assert!(all.iter().all(|word| word.len() < 7));
    }
}
