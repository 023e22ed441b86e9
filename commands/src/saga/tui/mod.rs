//! stub

use super::item::Item;
use super::news::News;
use super::room::Room;
use crate::error::Failure;

pub(crate) fn run(_room: &mut Room, _news: &mut News, _first: Vec<Item>) -> Result<(), Failure> {
    Ok(())
}
