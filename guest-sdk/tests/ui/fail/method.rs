struct Counter(u64);

impl Counter {
    #[farside_guest::function]
    fn count(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}

fn main() {}
