use super::*;

fn element(name: &str) -> Element {
    name.parse().unwrap()
}

fn shown(name: &str, text: &str) -> String {
    element(name).parse(text.as_bytes()).unwrap().shown()
}

#[test]
fn bits_go_there_and_back() {
    for (name, text) in [
        ("int8", "-128"),
        ("int64", "-9223372036854775808"),
        ("uint64", "18446744073709551615"),
        ("float32", "0.1"),
        ("float64", "-1e300"),
        ("float64", "NaN"),
        ("float32", "-inf"),
        ("float64", "-0"),
        ("bool", "true"),
        ("bytes1", "a"),
        ("bytes4", "abc"),
        ("bytes8", "abcdefgh"),
    ] {
        let element = element(name);
        let scalar = element.parse(text.as_bytes()).unwrap();
        let bits = element.encode(&scalar);
        assert!(element.decode(bits).is_same(&scalar), "{name} {text}");
        assert_eq!(scalar.shown(), text, "{name}");
        let bytes = element.encode_bytes(&scalar);
        assert!(element.decode_bytes(&bytes).is_same(&scalar), "{name}");
    }
}

#[test]
fn floats_are_as_short_as_they_can_be() {
    for (name, text, short) in [
        ("float64", "5.0", "5"),
        ("float64", "0.1", "0.1"),
        ("float32", "0.1", "0.1"),
        ("float64", "1e300", "1e300"),
        ("float64", "1.5e-7", "1.5e-7"),
        ("float64", "123456789", "123456789"),
        ("float64", "inf", "inf"),
    ] {
        assert_eq!(shown(name, text), short);
    }
}

fn sum(name: &str, now: &str, more: &str, wrap: bool) -> Result<String> {
    let element = element(name);
    let now = element.parse(now.as_bytes()).unwrap();
    let more = element.parse_operand(more.as_bytes())?;
    element.sum(&now, &more, wrap).map(|sum| sum.shown())
}

#[test]
fn sums_are_checked_unless_they_may_wrap() {
    for (name, now, more, checked, wrapped) in [
        ("uint8", "250", "5", Some("255"), "255"),
        ("uint8", "250", "6", None, "0"),
        ("uint8", "3", "-3", Some("0"), "0"),
        ("uint8", "3", "-4", None, "255"),
        ("int8", "127", "1", None, "-128"),
        (
            "int64",
            "9223372036854775807",
            "1",
            None,
            "-9223372036854775808",
        ),
        (
            "uint64",
            "18446744073709551615",
            "18446744073709551615",
            None,
            "18446744073709551614",
        ),
        (
            "uint64",
            "18446744073709551615",
            "-18446744073709551615",
            Some("0"),
            "0",
        ),
        ("float32", "3e38", "3e38", None, "inf"),
        ("float64", "inf", "1", Some("inf"), "inf"),
        ("float64", "inf", "-inf", Some("NaN"), "NaN"),
        ("float32", "0.1", "0.2", Some("0.3"), "0.3"),
    ] {
        let shown = sum(name, now, more, false);
        assert_eq!(shown.ok().as_deref(), checked, "{name} {now} {more}");
        assert_eq!(sum(name, now, more, true).unwrap(), wrapped);
    }
    for name in ["bool", "bytes4"] {
        assert!(sum(name, "1", "1", false).is_err());
    }
}

#[test]
fn text_out_of_range_or_of_another_kind_is_refused() {
    for (name, text) in [
        ("int8", "128"),
        ("uint8", "-1"),
        ("int8", "1.5"),
        ("bool", "yes"),
        ("bytes2", "abc"),
        ("int64", "0x"),
        ("int64", "0x-5"),
        ("int64", "--1"),
        ("int64", ""),
        ("int64", "+"),
        ("int64", "9223372036854775808"),
        ("float32", "1e39"),
        ("float64", "1e999"),
        ("float64", "1,5"),
    ] {
        assert!(
            element(name).parse(text.as_bytes()).is_err(),
            "{name} {text}"
        );
    }
    assert_eq!(element("int64").parse(b"0xff").unwrap(), Scalar::Int(255));
    assert_eq!(element("int64").parse(b"-0b11").unwrap(), Scalar::Int(-3));
}

#[test]
fn a_number_that_is_none_compares_with_nothing_but_looks_like_itself() {
    let (nan, one) = (Scalar::Float(f64::NAN), Scalar::Float(1.0));
    assert_eq!(nan.compare(&nan), None);
    assert!(nan.is_same(&nan) && !nan.is_same(&one));
    assert!(Scalar::Float(0.0).is_same(&Scalar::Float(-0.0)));
    // Rounded to its type before it is compared.
    let tenth = element("float32").parse(b"0.1").unwrap();
    let cell = element("float32").encode(&tenth);
    assert_eq!(element("float32").decode(cell), tenth);
}

#[test]
fn any_byte_but_zero_is_true() {
    for bits in 1..=255 {
        assert_eq!(element("bool").decode(bits), Scalar::Bool(true));
    }
}

#[test]
fn numbers_are_numbers_in_json() {
    for (name, text, json) in [
        ("uint64", "18446744073709551615", "18446744073709551615"),
        ("int64", "-9223372036854775808", "-9223372036854775808"),
        ("float32", "0.1", "0.1"),
        ("float64", "NaN", "\"NaN\""),
        ("float64", "-inf", "\"-inf\""),
        ("bool", "1", "true"),
        ("bytes4", "ab", r#"{"encoding":"utf-8","data":"ab"}"#),
    ] {
        let scalar = element(name).parse(text.as_bytes()).unwrap();
        let value = serde_json::to_value(scalar).unwrap();
        assert_eq!(value.to_string(), json);
    }
}
