//! `vocable demo`
