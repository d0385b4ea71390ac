#[farside_guest::init]
fn fill(size: usize) {
    let _ = size;
}

#[farside_guest::wake]
fn seed() -> u64 {
    0
}

#[farside_guest::init(early)]
fn start() {}

#[farside_guest::wake]
async fn listen() {}

struct Table;

impl Table {
    #[farside_guest::init]
    fn make(self) {}
}

#[farside_guest::wake]
struct Seed;

fn main() {}
