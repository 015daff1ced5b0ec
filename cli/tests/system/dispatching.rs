//! Web onboarding: a dispatcher on real processes, with browsers and without.

mod administering;
mod browsing;
mod crowding;
mod dozing;
mod fellows;
mod killing;
mod mending;
mod operating;
mod refusing;
mod sleeping;
mod waiting;
