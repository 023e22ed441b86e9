//! A chat whose members invite members.
