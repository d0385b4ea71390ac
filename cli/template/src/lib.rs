//! Functions that a Farside server runs.
//!
//! A parameter or a result is of any type that serde knows. What is kept in a
//! static lasts as long as the client's session, and only that client sees it.

use std::sync::atomic::{AtomicI64, Ordering};

static TOTAL: AtomicI64 = AtomicI64::new(0);

/// Greets somebody.
#[farside_guest::function(pure)]
fn greet(name: String, greeting: Option<String>) -> String {
    let greeting = greeting.unwrap_or("Hello".to_owned());
    format!("{greeting}, {name}!")
}

/// Adds to a total that lasts as long as the session, and gives the new total.
#[farside_guest::function]
fn add(number: i64) -> Result<i64, String> {
    TOTAL
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |total| total.checked_add(number))
        .map(|total| total + number)
        .map_err(|total| format!("{total} + {number} is too large"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greets_by_name() {
        assert_eq!(greet("Ada".to_owned(), None), "Hello, Ada!");
    }
}
