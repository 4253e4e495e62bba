//! The writer in the program itself, with three threads.

mod work;

fn main() {
    let others: Vec<_> = (1..3).map(|thread| std::thread::spawn(move || work::work(thread))).collect();
    work::work(0);
    others.into_iter().for_each(|other| other.join().expect("a thread"));
}
