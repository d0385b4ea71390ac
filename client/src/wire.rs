//! Counts of what crossed a connection.

/// What crossed one connection so far. Bytes are those of frames as the
/// protocol sees them, without the transport's own framing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WireCounts {
    /// Times that a frame came in after at least one had gone out since the last
    /// one came in: how often the client waited for the server.
    pub round_trips: u64,
    /// Frames sent.
    pub frames_sent: u64,
    /// Frames received.
    pub frames_received: u64,
    /// Bytes of the frames sent.
    pub bytes_sent: u64,
    /// Bytes of the frames received.
    pub bytes_received: u64,
    /// Messages sent, chunks of transfers included.
    pub messages_sent: u64,
    /// Messages received, chunks of transfers included.
    pub messages_received: u64,
}

/// The counts, and what is needed to go on counting.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    pub(crate) counts: WireCounts,
    sent_since_received: bool,
}

impl Wire {
    pub(crate) fn sent(&mut self, bytes: usize, messages: u64) {
        self.counts.frames_sent += 1;
        self.counts.bytes_sent += bytes as u64;
        self.counts.messages_sent += messages;
        self.sent_since_received = true;
    }

    pub(crate) fn received(&mut self, bytes: usize) {
        self.counts.frames_received += 1;
        self.counts.bytes_received += bytes as u64;
        self.counts.round_trips += u64::from(std::mem::take(&mut self.sent_since_received));
    }

    pub(crate) fn understood(&mut self, messages: u64) {
        self.counts.messages_received += messages;
    }
}
