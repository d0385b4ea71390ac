//! Images of the Mandelbrot set: large results of which one row can be fetched.

#![forbid(unsafe_code)]

use farside_guest::Array;
use serde::{Deserialize, Serialize};

/// The part of the plane that an image shows.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct View {
    /// The real part of the middle.
    x: f64,
    /// The imaginary part of the middle.
    y: f64,
    /// How much of the real axis it shows.
    width: f64,
}

/// The whole set.
const WHOLE: View = View { x: -0.75, y: 0.0, width: 3.5 };

/// An image of more pixels than there may be.
#[derive(Debug, Serialize, Deserialize)]
struct TooLarge {
    /// Pixels that were asked for.
    pixels: u64,
    /// Most that there may be.
    most: u64,
}

/// Most pixels of an image.
const MOST_PIXELS: u64 = 1 << 26;

/// Steps after which a point is taken to stay for ever.
const STEPS: u8 = u8::MAX;

/// Draws the Mandelbrot set, or the part of it in view: an array of `height` rows
/// of `width` pixels, each the steps in which its point escapes, 0 for the points
/// that never do. A path like `[10]` fetches one row.
#[farside_guest::function(pure)]
fn render(width: u32, height: u32, view: Option<View>) -> Result<Array<u8>, TooLarge> {
    let too_large = TooLarge { pixels: u64::from(width) * u64::from(height), most: MOST_PIXELS };
    if too_large.pixels > MOST_PIXELS {
        return Err(too_large);
    }
    let view = view.unwrap_or(WHOLE);
    let step = view.width / f64::from(width);
    let from_middle =
        |place: u32, count: u32| (f64::from(place) + 0.5 - f64::from(count) / 2.0) * step;

    let mut shades = Vec::with_capacity(too_large.pixels as usize);
    for row in 0..height {
        let y = view.y - from_middle(row, height);
        shades.extend((0..width).map(|column| escape(view.x + from_middle(column, width), y)));
    }
    Array::from_shape(vec![height as usize, width as usize], shades).ok_or(too_large)
}

/// The steps in which a point escapes, 0 if it does not.
fn escape(x: f64, y: f64) -> u8 {
    let (mut re, mut im) = (0.0, 0.0);
    for step in 1..=STEPS {
        (re, im) = (re * re - im * im + x, 2.0 * re * im + y);
        if re * re + im * im > 4.0 {
            return step;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_stays_and_the_corners_escape() {
        let image = render(70, 40, None).unwrap();
        assert_eq!(image.shape(), [40, 70]);
        let at = |row: usize, column: usize| image.data()[row * 70 + column];
        assert_eq!(at(20, 35), 0);
        assert_eq!(at(0, 0), 1);
        assert_eq!(at(5, 50), at(34, 50));
    }

    #[test]
    fn an_image_has_its_bounds() {
        let refused = render(u32::MAX, u32::MAX, None).unwrap_err();
        assert_eq!(refused.most, MOST_PIXELS);
    }
}
