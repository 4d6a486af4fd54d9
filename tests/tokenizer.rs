//! Tokenizers, through the public API.

use vocable::classifier::Tokenizer;

#[track_caller]
fn cuts(tokenizer: Tokenizer, text: &str, expected: &str) {
    let words = tokenizer.words(text);
    assert_eq!(words.join(" "), expected, "{text:?} by {tokenizer}");
    assert!(words.iter().all(|word| !word.is_empty()), "{words:?}");
}

#[test]
fn whitespace_leaves_words_as_they_are() {
    cuts(Tokenizer::Whitespace, " It's\ta  Fine\r\nfilm,\u{c}no? ", "It's a Fine film, no?");
    // NBSP is part of a word in files of vectors, so it is one here.
    assert_eq!(Tokenizer::Whitespace.words("10\u{a0}000 b").len(), 2);
    cuts(Tokenizer::Whitespace, "", "");
}

#[test]
fn unicode_cuts_by_its_word_boundaries() {
    for (text, expected) in [
        ("It's a fine, fine film!", "it's a fine , fine film !"),
        ("Wait... (no)", "wait . . . ( no )"),
        ("3.14 and 1,000 at 10:30", "3.14 and 1,000 at 10 : 30"),
        ("state-of-the-art", "state - of - the - art"),
        ("can’t STOP", "can’t stop"),
        ("ΟΔΟΣ Straße ÉTÉ", "οδος straße été"),
        ("naïve cafe\u{301}", "naïve cafe\u{301}"),
        ("👩‍👩‍👧 ok 🇫🇷🇩🇪", "👩‍👩‍👧 ok 🇫🇷 🇩🇪"),
        ("a\u{a0}b\u{2003}c\u{200b}d\u{feff} e", "a b c d\u{feff} e"),
        ("我爱北京", "我 爱 北 京"),
        ("カタカナ ひらがな", "カタカナ ひ ら が な"),
        ("foo_bar2 a.b", "foo_bar2 a.b"),
        (" \t\r\n\u{3000}", ""),
    ] {
        cuts(Tokenizer::Unicode, text, expected);
    }
}

#[test]
fn ptb_cuts_as_the_penn_treebank() {
    for (text, expected) in [
        ("They'll save and invest more.", "they 'll save and invest more ."),
        ("hi, my name can't hello,", "hi , my name ca n't hello ,"),
        ("I'm sure she'd've said it's ours; we're done.", "i 'm sure she 'd 've said it 's ours ; we 're done ."),
        ("Don't! WON'T?", "do n't ! wo n't ?"),
        ("I don’t think it’s over", "i do n't think it 's over"),
        ("Good muffins cost $3.88 in New York.", "good muffins cost $ 3.88 in new york ."),
        ("One. Two. Three.", "one . two . three ."),
        (
            "Mr. Smith lives in the U.S. at 5 p.m. with J. Doe, Ph.D.",
            "mr. smith lives in the u.s. at 5 p.m. with j. doe , ph.d.",
        ),
        ("So am I.", "so am i ."),
        ("\"Fine,\" he said (\"really\").", "`` fine , '' he said ( `` really '' ) ."),
        ("“Fine” — ‘yes’", "`` fine '' — ` yes '"),
        ("the dogs' 'best' day in '99, 'tis so", "the dogs ' ` best ' day in '99 , 't is so"),
        ("rock'n'roll o'clock", "rock'n'roll o'clock"),
        ("wait... what.. no…", "wait ... what ... no ..."),
        ("a--b --- c - d-e", "a -- b -- c - d-e"),
        ("1,000 at 10:30, a:b, 3:", "1,000 at 10:30 , a : b , 3 :"),
        ("I cannot; gonna, WANNA", "i can not ; gon na , wan na"),
        ("[a] {b} <c> 5% AT&T", "[ a ] { b } < c > 5 % at & t"),
        ("and/or 3.5.", "and/or 3.5 ."),
        // Tokenized text stays as it is.
        ("it 's n't `` so '' -- ... -lrb- u.s. 've", "it 's n't `` so '' -- ... -lrb- u.s. 've"),
        ("' \" . .. ' ’", "' `` . ... ' '"),
        ("", ""),
    ] {
        cuts(Tokenizer::Ptb, text, expected);
    }
}

#[test]
fn tokenizers_take_any_text() {
    // All substrings of a text that has the marks of every rule.
    let text = "“It's 'n't' can't.\"--…’s'' ``U.S.,:1,2:’’'''\u{a0}🇫🇷é.. d'ye gonna' 'tis <&> e\u{301}.)";
    let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    for (first, &start) in ends.iter().enumerate() {
        for &end in &ends[first..] {
            for &tokenizer in Tokenizer::ALL {
                let piece = &text[start..end];
                let words = tokenizer.words(piece);
                assert!(words.iter().all(|word| !word.is_empty()), "{piece:?} by {tokenizer}: {words:?}");
                // Only spaces are removed, and only quotes and dots change.
                let kept = |text: &str| text.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect::<String>();
                assert_eq!(kept(&words.concat()), kept(piece), "{piece:?} by {tokenizer}: {words:?}");
            }
        }
    }
}

#[test]
fn words_are_counted_in_the_order_in_which_they_are_met() {
    let texts: Vec<String> = (0..2000).map(|i| format!("w{} the w{} the", i % 700, i % 3)).collect();
    let (counts, lengths) = Tokenizer::Unicode.count(&texts);
    let mut expected: Vec<(String, usize)> = Vec::new();
    for word in texts.iter().flat_map(|text| text.split(' ')) {
        match expected.iter_mut().find(|(known, _)| known == word) {
            Some((_, count)) => *count += 1,
            None => expected.push((word.to_owned(), 1)),
        }
    }
    let found: Vec<(String, usize)> = counts.in_order().into_iter().map(|(word, n)| (word.to_owned(), n)).collect();
    assert_eq!(found, expected);
    assert_eq!(lengths, vec![4; 2000]);
    expected.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let found: Vec<&str> = counts.most_frequent().into_iter().map(|(word, _)| word).collect();
    assert_eq!(found, expected.iter().map(|(word, _)| word.as_str()).collect::<Vec<_>>());
    assert_eq!((counts.len(), counts.contains("the"), counts.contains("w700")), (expected.len(), true, false));
}

#[test]
fn names_are_those_of_the_command_line() {
    for &tokenizer in Tokenizer::ALL {
        assert_eq!(tokenizer.name().parse::<Tokenizer>().unwrap(), tokenizer);
    }
    let error = "moses".parse::<Tokenizer>().unwrap_err().to_string();
    assert!(error.contains("whitespace, unicode, ptb") && error.contains("`moses`"), "{error}");
}

#[cfg(not(feature = "jieba"))]
#[test]
fn jieba_says_how_to_get_it() {
    let error = "jieba".parse::<Tokenizer>().unwrap_err().to_string();
    assert!(error.contains("--features jieba"), "{error}");
}

#[cfg(feature = "jieba")]
#[test]
fn jieba_cuts_chinese() {
    cuts(Tokenizer::Jieba, "我来到北京清华大学，Hello World。", "我 来到 北京 清华大学 ， hello world 。");
    cuts(Tokenizer::Jieba, " \n", "");
}
