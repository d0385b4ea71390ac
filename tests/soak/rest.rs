//! Whether nothing is left once all are gone.

use std::time::{Duration, Instant};

use farside_tests::{Process, Server};

/// How long the last sessions may take to be freed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Closes what is left of sessions, and waits until the server has none and no connection
/// but this one; false if it keeps some.
pub(crate) async fn comes(server: &Server, process: Process) -> bool {
    let client = server.client().await;
    let begun = Instant::now();
    loop {
        let Ok(sessions) = client.sessions().await else { return false };
        for session in &sessions {
            // It may end by itself at this moment.
            let _ = client.close_session(session.session).await;
        }
        if sessions.is_empty() {
            break;
        }
        if begun.elapsed() > PATIENCE {
            println!("{} sessions are left", sessions.len());
            return false;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    if let Some((memory, descriptors)) = process.resident().zip(process.descriptors()) {
        println!("at the end: {} MiB, {descriptors} descriptors", memory >> 20);
    }
    true
}
