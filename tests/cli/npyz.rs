//! Values and arrays with a second reader and writer of the format, in another
//! language than numpy's: every type in both directions.

use std::fs::File;

use npyz::{DType, Deserialize, NpyFile, Order, Serialize, WriterBuilder};

use crate::sandbox::Sandbox;

/// One type: ipc makes it and npyz reads it, npyz makes it and ipc reads it.
fn both_ways<T>(kind: &str, code: &str, shown: [&str; 6], elements: [T; 6])
where
    T: Deserialize + Serialize + PartialEq + std::fmt::Debug + Clone,
{
    let sb = Sandbox::new();
    sb.ipc(["-q", "value", "create", "v", kind, shown[0]])
        .run()
        .ok();
    let words = ["-q", "array", "create", "a", kind, "--from"];
    sb.ipc(words.iter().chain(&shown)).run().ok();
    for (name, shape, expected) in [("v", &[][..], &elements[..1]), ("a", &[6], &elements)] {
        let read = NpyFile::new(File::open(sb.shm_file(name)).unwrap()).unwrap();
        assert_eq!(read.dtype().descr(), format!("'{code}'"), "{kind}");
        assert_eq!((read.shape(), read.order()), (shape, Order::C), "{kind}");
        assert_eq!(read.into_vec::<T>().unwrap(), expected, "{kind}");
    }
    let save = |name: &str, shape: &[u64], elements: &[T]| {
        let mut writer = npyz::WriteOptions::new()
            .dtype(DType::Plain(code.parse().unwrap()))
            .shape(shape)
            .writer(File::create(sb.shm_file(name)).unwrap())
            .begin_nd()
            .unwrap();
        writer.extend(elements).unwrap();
        writer.finish().unwrap();
    };
    save("w", &[], &elements[..1]);
    save("b", &[6], &elements);
    save("c", &[2, 3], &elements);
    save("d", &[1, 2, 1, 3], &elements);
    save("none", &[0], &[]);
    let shows = |words: &[&str], expected: &str| {
        sb.ipc(words).run().ok().stdout(expected);
    };
    let [a, b, c, d, e, f] = shown;
    shows(&["value", "get", "w"], &format!("{a}\n"));
    shows(&["array", "get", "b"], &format!("{}\n", shown.join("\n")));
    shows(
        &["array", "get", "c"],
        &format!("{a}\t{b}\t{c}\n{d}\t{e}\t{f}\n"),
    );
    shows(&["array", "get", "d", "0,1,0,-1"], &format!("{f}\n"));
    shows(&["array", "get", "none"], "");
    // And what ipc has changed there.
    sb.ipc(["value", "set", "w", f]).run().ok();
    sb.ipc(["array", "set", "c", "1,0", a]).run().ok();
    let w = NpyFile::new(File::open(sb.shm_file("w")).unwrap()).unwrap();
    assert_eq!(w.into_vec::<T>().unwrap(), &elements[5..]);
    let changed = NpyFile::new(File::open(sb.shm_file("c")).unwrap()).unwrap();
    let mut expected = elements.to_vec();
    expected[3] = elements[0].clone();
    assert_eq!(changed.into_vec::<T>().unwrap(), expected);
}

/// Elements and how they are shown.
macro_rules! whole {
    ($type:ty, $kind:literal, $code:literal) => {{
        let elements = [<$type>::MIN, <$type>::MAX, 0, 1, 2, 100];
        let shown = elements.map(|element| element.to_string());
        both_ways::<$type>($kind, $code, shown.each_ref().map(String::as_str), elements);
    }};
}

#[test]
fn whole_numbers_of_every_width_are_the_same_to_both() {
    whole!(i8, "int8", "|i1");
    whole!(i16, "int16", "<i2");
    whole!(i32, "int32", "<i4");
    whole!(i64, "int64", "<i8");
    whole!(u8, "uint8", "|u1");
    whole!(u16, "uint16", "<u2");
    whole!(u32, "uint32", "<u4");
    whole!(u64, "uint64", "<u8");
}

#[test]
fn fractions_truth_and_bytes_are_the_same_to_both() {
    let shown = ["-inf", "0.1", "-0", "3e38", "1.5", "inf"];
    let numbers = [f32::NEG_INFINITY, 0.1, -0.0, 3e38, 1.5, f32::INFINITY];
    both_ways::<f32>("float32", "<f4", shown, numbers);
    let shown = ["-inf", "0.1", "5e-324", "1e300", "1.5", "inf"];
    let numbers = [f64::NEG_INFINITY, 0.1, 5e-324, 1e300, 1.5, f64::INFINITY];
    both_ways::<f64>("float64", "<f8", shown, numbers);
    let shown = ["true", "false", "true", "true", "false", "false"];
    let truths = [true, false, true, true, false, false];
    both_ways::<bool>("bool", "|b1", shown, truths);
    let shown = ["abcd", "", "x", "yz", "w", "v"];
    let bytes = [&b"abcd"[..], b"", b"x", b"yz", b"w", b"v"];
    both_ways::<Vec<u8>>("bytes4", "|S4", shown, bytes.map(<[u8]>::to_vec));
}

#[test]
fn a_header_of_each_version_and_length_is_read() {
    let sb = Sandbox::new();
    // What npyz reads, ipc reads, and the other way round.
    for (version, padding) in [(1_u8, 0), (1, 3), (1, 64), (2, 20), (3, 20), (1, 9_000)] {
        let text = "{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }";
        let wide = if version == 1 { 2 } else { 4 };
        let start = 8 + wide;
        let length = (start + text.len() + 1 + padding).next_multiple_of(64) - start;
        let mut bytes = b"\x93NUMPY".to_vec();
        bytes.extend([version, 0]);
        bytes.extend(&(length as u32).to_le_bytes()[..wide]);
        bytes.extend(format!("{text:<0$}\n", length - 1).bytes());
        bytes.extend([7_i64, -8].iter().flat_map(|number| number.to_le_bytes()));
        std::fs::write(sb.shm_file("a"), &bytes).unwrap();
        let read = NpyFile::new(&bytes[..]).map(NpyFile::into_vec::<i64>);
        let printed = sb.ipc(["array", "get", "a"]).run();
        assert_eq!(read.unwrap().unwrap(), [7, -8], "{version} {padding}");
        printed.ok().stdout("7\n-8\n");
    }
}
