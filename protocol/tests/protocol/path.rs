use farside_protocol::caps;
use farside_protocol::value::path::{Path, PathError, Step};
use proptest::prelude::*;

use crate::model;

#[track_caller]
fn check(text: &str, written: &str) {
    let path: Path = text.parse().unwrap();
    assert_eq!(path.to_string(), written);
    assert_eq!(written.parse(), Ok(path));
}

#[track_caller]
fn check_error(text: &str, expected: &str) {
    let error = text.parse::<Path>().unwrap_err();
    let hint = error.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
    assert_eq!(format!("{error}{hint}"), expected);
}

#[test]
fn paths_are_written_in_their_shortest_form() {
    check("", "");
    check("rows", "rows");
    check(".rows", "rows");
    check("rows[10:20].name", "rows[10:20].name");
    check(r#"["odd key"].x"#, r#"["odd key"].x"#);
    check(r#"rows["name"]"#, "rows.name");
    check(r#"[""]"#, r#"[""]"#);
    check(r#"["0"]"#, r#"["0"]"#);
    check("größe.x_1.content-type", "größe.x_1.content-type");
    check("[-1]", "[-1]");
    check("[007]", "[7]");
    check("[::2]", "[::2]");
    check("[ : ]", "[:]");
    check("[1:2:1]", "[1:2]");
    check("[1::]", "[1:]");
    check("[::-1]", "[::-1]");
    check("[ 3 , 1 : 5 ]", "[3,1:5]");
    check("[18446744073709551615]", "[18446744073709551615]");
    check("[-9223372036854775808]", "[-9223372036854775808]");
}

#[test]
fn quoted_keys_have_escapes() {
    check(r#"["a\"b\\c"]"#, r#"["a\"b\\c"]"#);
    check(r#"["\u{41}\u{7}\n\r\t"]"#, r#"["A\u{7}\n\r\t"]"#);
    let path: Path = r#"["\u{1f600}]"]"#.parse().unwrap();
    assert_eq!(path.steps(), [Step::Field("😀]".to_owned())]);
}

#[test]
fn an_error_says_where_it_is_and_what_to_write() {
    check_error("rows[1:", "path `rows[1:`: expected `,` or `]` at character 8, found the end");
    check_error(
        "rows[",
        "path `rows[`: expected a number, a slice or a quoted key at character 6, found the end",
    );
    check_error(
        "rows.",
        "path `rows.`: expected a name at character 6, found the end\n\
         hint: a name of other characters is written as [\"the name\"]",
    );
    check_error(
        "größe.0",
        "path `größe.0`: expected a name at character 7, found `0`\n\
         hint: a place is written as [0], and a name like this as [\"0\"]",
    );
    check_error(
        "odd key",
        "path `odd key`: expected `.` or `[` at character 4, found ` `\n\
         hint: a name of other characters is written as [\"the name\"]",
    );
    check_error(
        "rows[name]",
        "path `rows[name]`: expected a number, a slice or a quoted key at character 6, found `n`\n\
         hint: a key is written as .name or [\"name\"]",
    );
    check_error(
        "['x']",
        "path `['x']`: expected a number, a slice or a quoted key at character 2, found `'`\n\
         hint: a key is written in double quotes",
    );
    check_error("[-]", "path `[-]`: expected a digit at character 3, found `]`");
    check_error("[::0]", "path `[::0]`: expected a step other than 0 at character 4, found `0`");
    check_error(
        "[18446744073709551616]",
        "path `[18446744073709551616]`: expected a number of at most 64 bits at character 2, \
         found `1`",
    );
    check_error("[1 2]", "path `[1 2]`: expected `,` or `]` at character 4, found `2`");
    check_error(r#"["a" , 1]"#, "path `[\"a\" , 1]`: expected `]` at character 6, found `,`");
    check_error(
        r#"["a"#,
        "path `[\"a`: expected a character or the closing `\"` at character 4, found the end",
    );
    check_error(
        "[\"a\nb\"]",
        "path `[\"a\nb\"]`: expected a character or the closing `\"` at character 4, found `\\n`\n\
         hint: a control character is written as \\n, \\t or \\u{1b}",
    );
    check_error(
        r#"["\x"]"#,
        "path `[\"\\x\"]`: expected one of the escapes \\\" \\\\ \\n \\r \\t \\u{..} at character 4, \
         found `x`",
    );
}

#[test]
fn length_and_steps_have_caps() {
    let longest = "a".repeat(caps::PATH_BYTES);
    assert!(longest.parse::<Path>().is_ok());
    check_error(&format!("{longest}a"), "a path of 4097 bytes: at most 4096 are allowed");
    let most = "[0]".repeat(caps::PATH_STEPS);
    assert!(most.parse::<Path>().is_ok());
    assert_eq!(format!("a{most}").parse::<Path>(), Err(PathError::TooManySteps));
}

proptest! {
    #[test]
    fn text_survives_a_path_and_grows_no_longer(path in model::path()) {
        let text = path.to_string();
        prop_assert_eq!(text.parse::<Path>(), Ok(path));
    }

    #[test]
    fn any_text_is_a_path_or_an_error(text in r#"[\[\]\.:,"\\ a-c0-9u{}é\n-]{0,40}"#) {
        if let Ok(path) = text.parse::<Path>() {
            let written = path.to_string();
            prop_assert!(written.len() <= text.len(), "{} became {}", text, written);
            prop_assert_eq!(written.parse(), Ok(path));
        }
    }

    #[test]
    fn parsing_never_panics(text: String) {
        let _ = text.parse::<Path>();
    }
}
