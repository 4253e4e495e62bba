//! A module with types, traits and their methods.

use crate::{count, touch};

trait Shape {
    fn area(&self) -> usize;

    fn twice(&self) -> usize {
        touch!("corpus::shapes::Shape::twice");
        self.area() * 2
    }
}

struct Square<T> {
    size: T,
}

impl<T> Square<T> {
    #[inline(never)]
    fn new(size: T) -> Self {
        touch!("corpus::shapes::Square::new");
        Square { size }
    }
}

impl Shape for Square<usize> {
    fn area(&self) -> usize {
        touch!("corpus::shapes::Square::area");
        self.size * self.size
    }
}

impl<T: Copy + std::ops::Add<Output = T>> std::ops::Add for Square<T> {
    type Output = Square<T>;

    #[inline(never)]
    fn add(self, other: Self) -> Self {
        touch!("corpus::shapes::Square::add");
        Square { size: self.size + other.size }
    }
}

impl<T: std::fmt::Display> std::fmt::Display for Square<T> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        touch!("corpus::shapes::Square::fmt");
        write!(formatter, "{}", self.size)
    }
}

/// Counts down.
struct Countdown(usize);

impl Iterator for Countdown {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        touch!("corpus::shapes::Countdown::next");
        self.0 = self.0.checked_sub(1)?;
        Some(self.0)
    }
}

#[inline(never)]
pub fn all(n: usize) {
    fn local(n: usize) -> usize {
        touch!("corpus::shapes::all::local");
        n
    }
    let shape: Box<dyn Shape> = Box::new(Square::new(n));
    count(shape.twice());
    count((Square::new(1.5) + Square::new(2.5)).size);
    count(Square::new("text").to_string());
    count(Countdown(2).collect::<Vec<_>>());
    count(Countdown(2).zip(Countdown(3)).count());
    count(local(n));
    touch!("corpus::shapes::all");
}
