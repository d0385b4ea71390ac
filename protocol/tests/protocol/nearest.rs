use farside_protocol::value::nearest;

#[track_caller]
fn check(name: &str, expected: &[&str]) {
    let functions = ["mean", "median", "spread", "histogram", "Mean_of", "x_axis", "count_words"];
    assert_eq!(nearest(name, functions), expected);
}

#[test]
fn a_slip_of_the_finger_is_near() {
    check("meam", &["mean"]);
    check("mena", &["mean"]);
    check("Spread", &["spread"]);
    check("histgram", &["histogram"]);
    check("countwords", &["count_words"]);
}

#[test]
fn a_beginning_is_near() {
    check("hist", &["histogram"]);
    check("me", &["mean", "median", "Mean_of"]);
}

#[test]
fn another_word_is_not_near() {
    check("variance", &[]);
    check("y", &[]);
    check("x", &[]);
    check("", &[]);
}

#[test]
fn at_most_three_are_named_nearest_first() {
    let near = nearest("rows", ["rowss", "crowss", "rows_", "row", "roww"]);
    assert_eq!(near, ["row", "rows_", "rowss"]);
}
