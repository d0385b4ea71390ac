#[farside_guest::function]
fn spin() -> ! {
    loop {}
}

fn main() {}
