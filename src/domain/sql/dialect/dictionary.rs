//! What a server can say of its tables without opening them.

use super::Dialect;

impl Dialect {
    /// Tables are described by a transactional data dictionary, so `information_schema` answers without opening them.
    ///
    /// It matters because a MySQL server may end when it opens a damaged table.
    pub fn has_data_dictionary(self) -> bool {
        self.mysql_since(8, 0, 0)
    }
}
