//! Arrays of every supported type and order as NumPy writes them, invalid arrays, and word lists.

use proptest::prelude::*;

use super::*;

/// An array of version 1.0 with this header, without padding, followed by these numbers.
fn array(header: &str, numbers: &[u8]) -> Vec<u8> {
    [&MAGIC[..], &[1, 0], &(header.len() as u16).to_le_bytes(), header.as_bytes(), numbers].concat()
}

fn described(descr: &str, fortran: &str, shape: &str) -> String {
    format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n")
}

fn single(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

const VALUES: [f32; 6] = [1.0, -2.0, 0.5, 3.0, 4.0, 0.25];

#[test]
fn every_type_version_and_order_of_numbers() {
    let expected = Ok((VALUES.to_vec(), 2, 3));
    let header = described("<f4", "False", "(2, 3)");
    let numbers = single(&VALUES);
    assert_eq!(parse(&array(&header, &numbers), false), expected);
    for version in [2, 3] {
        let length = (header.len() as u32).to_le_bytes();
        let bytes = [&MAGIC[..], &[version, 0], &length, header.as_bytes(), &numbers].concat();
        assert_eq!(parse(&bytes, false), expected);
    }
    let half: Vec<u8> = VALUES.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect();
    assert_eq!(parse(&array(&described("<f2", "False", "(2, 3)"), &half), false), expected);
    let double: Vec<u8> = VALUES.iter().flat_map(|&value| f64::from(value).to_le_bytes()).collect();
    assert_eq!(parse(&array(&described("<f8", "False", "(2, 3)"), &double), false), expected);
    let columns_first = single(&[1.0, 3.0, -2.0, 4.0, 0.5, 0.25]);
    assert_eq!(parse(&array(&described("<f4", "True", "(2, 3)"), &columns_first), false), expected);
    // As other programs may write the same header.
    for header in [
        "{\"shape\":(2,3),\"fortran_order\":False,\"descr\":\"<f4\"}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L)}    \n",
        "{ 'fortran_order' : False , 'descr' : '<f4' , 'shape' : ( 2 , 3 , ) , }",
    ] {
        assert_eq!(parse(&array(header, &numbers), false), expected, "{header}");
    }
}

#[test]
fn doubles_are_rounded_to_the_nearest_float() {
    let numbers = [0.1f64, 1.0 + 2f64.powi(-24), 1.0 + 2f64.powi(-24) + 2f64.powi(-50), 1e-60];
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    let (values, ..) = parse(&array(&described("<f8", "False", "(2, 2)"), &bytes), false).unwrap();
    assert_eq!(values, [0.1, 1.0, 1.0 + f32::EPSILON, 0.0]);
}

#[test]
fn large_arrays_are_turned_round_whole() {
    // More than a band of rows, and no multiple of one.
    let (rows, columns) = (2 * BAND + 3, 5);
    let numbers: Vec<f32> = (0..rows * columns).map(|at| at as f32).collect();
    let bytes = array(&described("<f4", "True", &format!("({rows}, {columns})")), &single(&numbers));
    let (values, ..) = parse(&bytes, false).unwrap();
    for (row, values) in values.chunks(columns).enumerate() {
        let expected: Vec<f32> = (0..columns).map(|column| (column * rows + row) as f32).collect();
        assert_eq!(values, expected);
    }
}

#[test]
fn written_as_numpy_writes_it() {
    // The beginning of what `numpy.save` (2.4) writes for this array.
    let saved = b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
    let mut written = Vec::new();
    write(&mut written, &VALUES, 3, ElementType::F32).unwrap();
    let padding = [vec![b' '; 127 - saved.len()], vec![b'\n']].concat();
    assert_eq!(written, [&saved[..], &padding, &single(&VALUES)].concat());
    assert_eq!(parse(&written, false), Ok((VALUES.to_vec(), 2, 3)));

    let mut written = Vec::new();
    write(&mut written, &[0.1, 65_504.0, f32::INFINITY], 1, ElementType::F16).unwrap();
    assert_eq!((written.len(), written[6]), (128 + 6, 1));
    let (values, rows, columns) = parse(&written, true).unwrap();
    assert_eq!((values.as_slice(), rows, columns), (&[0.099_975_586, 65_504.0, f32::INFINITY][..], 3, 1));
}

#[test]
fn what_is_not_rows_or_does_not_fit_is_not_written() {
    let refused =
        |values: &[f32], columns, dtype| write(&mut Vec::new(), values, columns, dtype).unwrap_err().to_string();
    assert_eq!(refused(&[1.0; 5], 3, ElementType::F32), "5 values are not rows of 3");
    assert_eq!(refused(&[], 3, ElementType::F32), "0 values are not rows of 3");
    assert_eq!(refused(&[1.0], 0, ElementType::F32), "1 values are not rows of 0");
    assert_eq!(refused(&[1.0, 2.0, 1e5], 1, ElementType::F16), "100000 in row 3 is too large for 16 bits");
}

#[test]
fn what_is_not_a_table_is_refused_and_the_error_says_where() {
    let numbers = single(&VALUES);
    let good = described("<f4", "False", "(2, 3)");
    let with = |descr: &str, shape: &str| array(&described(descr, "False", shape), &numbers);
    let records = "{'descr': [('v', '<f4', (3,))], 'fortran_order': False, 'shape': (2,), }";
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"PK".to_vec(), "byte 0: expected the magic string of a NumPy array, 93 4E 55 4D 50 59, found `PK`"),
        (
            b"\x93NUMPY\x04\0rest".to_vec(),
            "byte 6: expected a NumPy array of version 1.0, 2.0 or 3.0, found version 4.0",
        ),
        (b"\x93NUMPY\x01\x01rest".to_vec(), "found version 1.1"),
        (with(">f4", "(2, 3)"), "byte 10: expected numbers of type <f2, <f4 or <f8, found big-endian numbers, `>f4`"),
        (with(">f4", "(2, 3)"), "numpy.save('new.npy', numpy.load('old.npy').astype('<f4'))"),
        (with("<i4", "(2, 3)"), "found `<i4`; in NumPy, save it again"),
        (with("|O", "(2, 3)"), "found Python objects, `|O`"),
        (with("|O", "(2, 3)"), "allow_pickle=True"),
        (array(records, &numbers), "expected an array of numbers, found an array of records"),
        (with("<f4", "()"), "expected an array of two dimensions, one row per word, found an array of shape ()"),
        (with("<f4", "(6,)"), "found an array of shape (6)"),
        (with("<f4", "(1, 2, 3)"), "found an array of shape (1, 2, 3)"),
        (with("<f4", "(0, 3)"), "expected rows of numbers, found an array of 0 x 3"),
        (with("<f4", "(2, 0)"), "found an array of 2 x 0"),
        (with("<f4", "(2, 4)"), "expected 2 x 4 numbers of 4 bytes, as in the header, found 24 bytes"),
        (with("<f4", "(1, 3)"), "expected 1 x 3 numbers of 4 bytes, as in the header, found 24 bytes"),
        (with("<f8", "(2, 3)"), "expected 2 x 3 numbers of 8 bytes"),
        (with("<f4", "(4611686018427387904, 4)"), "numbers of 4 bytes, as in the header, found 24 bytes"),
        (with("<f4", "(99999999999999999999999, 3)"), "a header with descr, fortran_order and shape"),
        (with("<f4", "(-2, 3)"), "a header with descr, fortran_order and shape"),
        (with("<f4", "(2 3)"), "a header with descr, fortran_order and shape"),
        (with("<f4", "[2, 3]"), "a header with descr, fortran_order and shape"),
        (array(&described("<f4", "0", "(2, 3)"), &numbers), "a header with descr, fortran_order and shape"),
        (array("{'shape': (2, 3), 'descr': '<f4'}", &numbers), "a header with descr, fortran_order and shape"),
        (array("{'shape': (2, 3) 'descr': '<f4'}", &numbers), "a header with descr, fortran_order and shape"),
        (array("{'more': 1, 'descr': '<f4'}", &numbers), "a header with descr, fortran_order and shape"),
        (array("{'descr: <f4", &numbers), "a header with descr, fortran_order and shape, found `{"),
        (array("{xdescrx: x<f4x", &numbers), "a header with descr, fortran_order and shape"),
        (array("", &numbers), "a header with descr, fortran_order and shape, found ``"),
        (
            array(&good, &single(&[1.0, 2.0, 3.0, 4.0, f32::NAN, 6.0])),
            "row 2 (byte 86): expected a finite 32-bit number (2 of 3), found NaN; set `ReadOptions::allow_nonfinite`",
        ),
        (
            array(&described("<f4", "True", "(2, 3)"), &single(&[1.0, 2.0, 3.0, f32::INFINITY, 5.0, 6.0])),
            "row 2 (byte 81): expected a finite 32-bit number (2 of 3), found inf",
        ),
        (
            array(&described("<f8", "False", "(1, 1)"), &1e39f64.to_le_bytes()),
            "expected a finite 32-bit number (1 of 1), found inf",
        ),
    ];
    for (bytes, said) in cases {
        let error = parse(&bytes, false).unwrap_err().to_string();
        assert!(error.contains(said), "{error:?} does not say {said:?}");
    }
    let nan = array(&good, &single(&[1.0, 2.0, 3.0, 4.0, f32::NAN, 6.0]));
    assert!(parse(&nan, true).unwrap().0[4].is_nan());
}

#[test]
fn an_array_cut_short_anywhere_is_refused() {
    let mut bytes = Vec::new();
    write(&mut bytes, &VALUES, 3, ElementType::F32).unwrap();
    for length in 0..bytes.len() {
        let error = parse(&bytes[..length], false).unwrap_err();
        assert!(matches!(error.place, Place::Byte(at) if at <= length as u64), "{length}: {error}");
    }
    bytes.push(0);
    assert!(parse(&bytes, false).unwrap_err().to_string().contains("found 25 bytes"));
}

proptest! {
    #[test]
    fn damaged_arrays_do_no_harm(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        descr in prop::sample::select(vec!["<f2", "<f4", "<f8"]),
        fortran in prop::sample::select(vec!["True", "False"]),
    ) {
        let mut bytes = array(&described(descr, fortran, "(2, 3)"), &single(&VALUES));
        for (place, byte) in changes {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok((values, rows, columns)) = parse(&bytes, true) {
            prop_assert_eq!(values.len(), rows * columns);
        }
    }

    #[test]
    fn words_come_back(words in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..4), 0..6)) {
        let mut list = Vec::new();
        let written = write_words(&mut list, words.iter().map(Vec::as_slice));
        prop_assert_eq!(written.is_ok(), words.iter().all(|word| unlistable(word).is_none()));
        if written.is_ok() {
            let (again, _) = word_list(&list, words.len()).unwrap();
            prop_assert_eq!(again, words.iter().collect::<Words>());
        }
    }
}

#[test]
fn lists_of_words() {
    let list = |bytes: &[u8], rows| word_list(bytes, rows).map(|(words, warnings)| (words, warnings.len()));
    let words = |words: &[&str]| words.iter().collect::<Words>();
    assert_eq!(list(b"a\nb c\n", 2), Ok((words(&["a", "b c"]), 0)));
    assert_eq!(list(b"a\r\nb\tc\r\n", 2), Ok((words(&["a", "b\tc"]), 0)));
    assert_eq!(list(b"a\n\nb", 3), Ok((words(&["a", "", "b"]), 0)));
    assert_eq!(list(b"\xef\xbb\xbfa\n", 1), Ok((words(&["a"]), 1)));
    assert_eq!(list("où\n日本\n".as_bytes(), 2), Ok((words(&["où", "日本"]), 0)));
    for (bytes, said) in [
        (&b"a\nb\n"[..], "expected 3 words, one per line, for the 3 rows of the array, found 2 lines"),
        (b"a\nb\nc\n\n", "for the 3 rows of the array, found 4 lines"),
        (b"", "for the 3 rows of the array, found 0 lines"),
    ] {
        let error = word_list(bytes, 3).unwrap_err().to_string();
        assert!(error.contains(said), "{error:?} does not say {said:?}");
    }
}

#[test]
fn words_that_a_list_cannot_hold_are_not_written() {
    let refused = |word: &'static [u8]| write_words(&mut Vec::new(), [b"a", word].into_iter()).unwrap_err().to_string();
    assert_eq!(refused(b"b\nc"), "word 2 contains a line feed: `b\\nc`");
    assert_eq!(refused(b"b\r"), "word 2 contains a carriage return at its end: `b\\r`");
}
