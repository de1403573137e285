//! Avatars for OwnTracks: a disc for each colour, drawn once and not for each answer.

use std::collections::HashMap;
use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, Engine};
use parking_lot::Mutex;
use tagalong_core::participant::AvatarColor;

/// The side of a face, in pixels.
const FACE_PIXELS: u16 = 48;

/// Avatars kept, of some 300 bytes each. Participants may choose any colour; beyond this number all are drawn again.
const FACES_MAX: usize = 1024;

/// Red, green and blue.
type Rgb = [u8; 3];

/// The avatars drawn so far.
#[derive(Default)]
pub struct Avatars {
    drawn: Mutex<HashMap<Rgb, Arc<str>>>,
}

impl Avatars {
    /// A disc of a colour, as a PNG in base64 for the app's `face`.
    pub fn of(&self, color: &AvatarColor) -> Option<Arc<str>> {
        let [_, red, green, blue] = u32::from_str_radix(color.as_str().get(1..)?, 16).ok()?.to_be_bytes();
        let rgb = [red, green, blue];
        if let Some(face) = self.drawn.lock().get(&rgb) {
            return Some(Arc::clone(face));
        }
        let face: Arc<str> = draw(rgb)?.into();
        let mut drawn = self.drawn.lock();
        if drawn.len() >= FACES_MAX {
            drawn.clear();
        }
        Some(Arc::clone(drawn.entry(rgb).or_insert(face)))
    }
}

fn draw([red, green, blue]: Rgb) -> Option<String> {
    let mut png = Vec::new();
    let side = u32::from(FACE_PIXELS);
    let mut encoder = png::Encoder::new(&mut png, side, side);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(vec![0, 0, 0, red, green, blue]);
    encoder.set_trns(vec![0, 255]);
    let inside = |index: u32| {
        let from_centre = |place: u32| (f64::from(place) + 0.5 - f64::from(FACE_PIXELS) / 2.0).powi(2);
        from_centre(index % side) + from_centre(index / side) <= (f64::from(FACE_PIXELS) / 2.0).powi(2)
    };
    let pixels: Vec<u8> = (0..side * side).map(|index| inside(index).into()).collect();
    encoder.write_header().ok()?.write_image_data(&pixels).ok()?;
    Some(BASE64_STANDARD.encode(png))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn color(text: &str) -> AvatarColor {
        AvatarColor::parse(text).unwrap()
    }

    #[test]
    fn a_face_is_a_small_picture() {
        let face = BASE64_STANDARD.decode(&*Avatars::default().of(&color("#FF5733")).unwrap()).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(&face)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((frame.width, frame.height), (48, 48));
        assert_eq!((pixels[0], pixels[48 * 24 + 24]), (0, 1));
        assert!(face.len() < 500, "{}", face.len());
    }

    #[test]
    fn a_face_is_drawn_once_for_each_colour() {
        let avatars = Avatars::default();
        let first = avatars.of(&color("#FF5733")).unwrap();
        assert!(Arc::ptr_eq(&first, &avatars.of(&color("#ff5733")).unwrap()));
        assert_ne!(first, avatars.of(&color("#FF5734")).unwrap());
        assert_eq!(avatars.drawn.lock().len(), 2);
    }

    #[test]
    fn no_number_of_colours_takes_more_room() {
        let avatars = Avatars::default();
        for rgb in 0..=FACES_MAX {
            assert!(avatars.of(&color(&format!("#{rgb:06x}"))).is_some());
            assert!(avatars.drawn.lock().len() <= FACES_MAX);
        }
    }
}
