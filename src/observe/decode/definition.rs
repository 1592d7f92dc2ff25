//! A table's definition in the form that is the same on every copy.

/// The text of `SHOW CREATE TABLE` without the counter of `AUTO_INCREMENT`, which moves with every row.
///
/// The options follow the last line that begins with `)`. A comment cannot look like one: the server writes line ends
/// inside of it as `\n`.
pub fn without_counter(create: &str) -> String {
    let Some(options) = create.rfind("\n)") else {
        return create.to_owned();
    };
    let (columns, options) = create.split_at(options);
    // Quoted text, such as a comment, comes after the counter.
    let unquoted = options.find('\'').unwrap_or(options.len());
    let Some(start) = options[..unquoted].find(" AUTO_INCREMENT=") else {
        return create.to_owned();
    };
    let digits = start + " AUTO_INCREMENT=".len();
    let after = options[digits..].find(|c: char| !c.is_ascii_digit()).map_or(options.len(), |end| digits + end);
    format!("{columns}{}{}", &options[..start], &options[after..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_goes_and_everything_else_stays() {
        let create = |counter: &str| {
            format!(
                "CREATE TABLE `t` (\n  `id` int NOT NULL AUTO_INCREMENT\n) ENGINE=InnoDB{counter} DEFAULT CHARSET=utf8mb4 COMMENT=' AUTO_INCREMENT=7'"
            )
        };
        assert_eq!(without_counter(&create(" AUTO_INCREMENT=5001")), create(""));
        assert_eq!(without_counter(&create("")), create(""));
    }

    #[test]
    fn a_comment_that_looks_like_a_counter_is_kept() {
        let create = "CREATE TABLE `t` (\n  `id` int\n) ENGINE=InnoDB COMMENT='x AUTO_INCREMENT=7'";
        assert_eq!(without_counter(create), create);
    }
}
