// Statements that do more than a first look says, or that look harmless and are not understood: none of them may be
// classed as harmless. An expression, included by the tests of the classifier and by those on real servers.
&[
    // 1: executable comments, also where only one flavour executes them
    "SELECT 1 /*!50000 INTO OUTFILE 'written' */", "SELECT 1 /*! INTO @a */", "/*!DROP TABLE t*/", "/*!50000 DROP TABLE t */",
    "SELECT 1 /*M! INTO OUTFILE 'written' */", "SELECT 1 /*M!100100 INTO OUTFILE 'written' */", "/*M! DROP TABLE t */",
    "SELECT 1 /*!99999 INTO @a */", "SELECT 1 /*!100100 FOR UPDATE */", "SELECT 1 /*!500001 INTO @a */",
    "SELECT 1 /*! /* */ INTO @a */", "SELECT 1 /*!50000 */ /*! INTO @a */", "/*!50000 SELECT */ /*!99999 1; DROP TABLE t */",
    // 2: several statements
    "SELECT 1; DROP TABLE t", "SELECT 1 /*! ; DROP TABLE t */", "DELIMITER //", "SELECT 1;; SELECT 2", "SELECT 1\\G DROP TABLE t",
    // 3: quoting
    r"SELECT '\'; DROP TABLE t; -- '; DROP TABLE t", "SELECT 'a' 'b'; DROP TABLE t", "SELECT \"a\"; DROP TABLE t",
    "SELECT N'a'; DROP TABLE t", "SELECT _utf8'a'; DROP TABLE t", "SELECT `a```; DROP TABLE t",
    // 4: characters
    "SELECT\u{a0}1", "SELECT 1\u{200b}", "SELECT 1 \0", "SELECT\u{202e} 1", "SELECT 1 \u{feff}FROM t",
    // 5: comments
    "SELECT 1 # x\n INTO @a", "SELECT 1 -- x\n INTO @a", "SELECT 1 --x\n, 2 INTO @a", "SELECT 1 /* x", "SELECT 1 /* /* */ INTO @a",
    "/* SELECT 1 */ DROP TABLE t", "-- SELECT 1\nDROP TABLE t", "# x\nDROP TABLE t",
    // 6: writing by a query
    "SELECT 1 INTO OUTFILE 'written'", "SELECT 1 INTO DUMPFILE 'written'", "SELECT 1 INTO @v", "(SELECT 1) INTO @v",
    "(SELECT 1 INTO OUTFILE 'written')", "SELECT 1 UNION SELECT 2 INTO OUTFILE 'written'", "TABLE t INTO OUTFILE 'written'",
    "VALUES ROW(1) INTO @a", "SELECT id INTO OUTFILE 'written' FROM t",
    // 7: functions
    "SELECT f()", "SELECT shop.f()", "SELECT `f`()", "SELECT shop . f ()", "SELECT f ()", "SELECT f/**/()", "SELECT COUNT (id)",
    "SELECT `count`(id) FROM t", "SELECT sys_exec('rm -rf /')", "SELECT sys.ps_setup_enable_instrument('x')", "SELECT SLEEP(9)",
    "SELECT BENCHMARK(1000000000, 1)", "SELECT GET_LOCK('a', 1)", "SELECT RELEASE_ALL_LOCKS()", "SELECT RELEASE_LOCK('a')",
    "SELECT NEXTVAL(s)", "SELECT SETVAL(s, 1)", "SELECT NEXT VALUE FOR s", "SELECT LAST_INSERT_ID(5)",
    "SELECT group_replication_set_as_primary('x')", "SELECT group_replication_switch_to_multi_primary_mode()",
    "SELECT asynchronous_connection_failover_add_source('a','b',1,'',50)", "SELECT keyring_key_remove('k')",
    "SELECT audit_log_filter_remove_filter('f')", "SELECT LOAD_FILE('/etc/passwd')", "SELECT 1 FROM t WHERE f(id)",
    "SELECT 1 FROM t ORDER BY f(id)", "SELECT rank()", "SELECT over(1)", "SELECT intersect(1)", "SELECT intersect((SELECT 1))",
    "SELECT except((SELECT 1))", "SELECT any(1)", "SELECT datetime(1)", "SELECT lag(1) + over(1)", "SELECT EXISTS(SELECT f())",
    "SELECT format_bytes(1)", "SELECT uuid_to_bin('x')", "SELECT 1 PROCEDURE ANALYSE()", "SELECT ps_setup_enable_consumer('x')",
    "SELECT {fn f()}", "WITH x AS (SELECT f()) SELECT 1 FROM x", "SELECT f(a) FROM t AS (SELECT 1)",
    // 9, 11: explaining that executes
    "EXPLAIN ANALYZE DELETE FROM t", "EXPLAIN ANALYZE UPDATE t SET a = 1", "EXPLAIN ANALYZE SELECT f()", "ANALYZE DELETE FROM t",
    "ANALYZE FORMAT=JSON DELETE FROM t", "ANALYZE UPDATE t SET a = 1", "EXPLAIN SELECT f()", "DESC DELETE FROM t WHERE f()",
    "EXPLAIN FORMAT=JSON INTO @x SELECT 1", "DESCRIBE ANALYZE DELETE FROM t", "EXPLAIN FORMAT=TREE ANALYZE DELETE FROM t",
    // 10: WITH
    "WITH a AS (SELECT 1) DELETE FROM t", "WITH a AS (SELECT 1) UPDATE t SET x = 1",
    // 12: SET
    "SET @@global.read_only = 0", "SET x = 1, GLOBAL y = 2", "SET @a = (SELECT f())", "SET PERSIST read_only = 1",
    "SET PERSIST_ONLY read_only = 1", "SET GLOBAL read_only = 0", "SET sql_log_bin = 0", "SET SESSION sql_mode = ''",
    "SET @@sql_log_bin = 0", "SET lock_wait_timeout = 5, sql_log_bin = 0", "SET lock_wait_timeout = (SELECT f())",
    "SET PASSWORD = 'x'", "SET NAMES gbk", "SET CHARACTER SET gbk", "SET SESSION TRANSACTION READ WRITE",
    "SET STATEMENT sql_log_bin = 0 FOR SELECT 1", "SET STATEMENT max_statement_time = 1 FOR DELETE FROM t",
    "SET STATEMENT lock_wait_timeout = f() FOR SELECT 1", "SET ROLE admin", "SET @@local.sql_log_bin = 0",
    // 13: prepared
    "PREPARE s FROM @x", "EXECUTE s", "EXECUTE IMMEDIATE CONCAT('DR', 'OP TABLE t')", "DEALLOCATE PREPARE s",
    // 14: CREATE
    "CREATE OR REPLACE TABLE t (a INT)", "CREATE TABLE t SELECT f()", "CREATE TABLE t LIKE u", "CREATE TABLE t AS SELECT 1",
    // 15: SHOW that evaluates
    "SHOW STATUS WHERE f(Variable_name)", "SHOW TABLES WHERE f()", "SHOW COLUMNS FROM t WHERE shop.f() = 1", "SHOW VARIABLES WHERE (SELECT f())",
    // 16, 17, 18
    "SELECT 1 || f()", "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t", "SELECT $f()", "SELECT 1f()", "SELECT shop.1f()",
    // locks, sequences, variables, hints
    "SELECT 1 FOR UPDATE", "SELECT 1 FROM t FOR SHARE", "SELECT 1 FROM t LOCK IN SHARE MODE", "SELECT @a := 1",
    "SELECT 1 FROM t FOR UPDATE SKIP LOCKED", "SELECT /*+ SET_VAR(sql_log_bin=0) */ 1", "SELECT /*+ RESOURCE_GROUP(x) */ 1",
    "SELECT /*+ MAX_EXECUTION_TIME(1) SET_VAR(a=1) */ 1", "SELECT /*+ BKA(t) \"*/ 1", "SELECT PREVIOUS VALUE FOR s",
    // everything else that does something
    "DO f()", "DO RELEASE_ALL_LOCKS()", "CALL p()", "HANDLER t OPEN", "BINLOG 'x'", "SHUTDOWN", "RESTART", "CLONE LOCAL DATA DIRECTORY 'x'",
    "START REPLICA", "START SLAVE", "START ALL SLAVES", "RESET MASTER", "RESET REPLICA ALL", "RESET PERSIST", "PURGE BINARY LOGS TO 'x'",
    "CHANGE MASTER TO MASTER_HOST='x'", "CHANGE REPLICATION SOURCE TO SOURCE_HOST='x'", "STOP SLAVE", "STOP GROUP_REPLICATION",
    "INSTALL PLUGIN x SONAME 'y'", "UNINSTALL PLUGIN x", "ALTER INSTANCE ROTATE INNODB MASTER KEY", "XA COMMIT 'x'", "COMMIT", "BEGIN",
    "BEGIN NOT ATOMIC DROP TABLE t", "START TRANSACTION", "ROLLBACK", "LOCK TABLES t WRITE", "UNLOCK TABLES", "IMPORT TABLE FROM 'x'",
    "OPTIMIZE TABLE t", "REPAIR TABLE t", "ANALYZE TABLE t", "CHECK TABLE t", "FLUSH LOGS", "FLUSH TABLES", "KILL 5", "KILL QUERY 5",
    "KILL (SELECT 5)", "CACHE INDEX t IN c", "LOAD INDEX INTO CACHE t", "BACKUP STAGE START", "SIGNAL SQLSTATE '45000'", "GET DIAGNOSTICS @a = NUMBER",
    "DROP TABLE t", "TRUNCATE t", "DELETE FROM t", "UPDATE t SET a = 1", "INSERT INTO t VALUES (1)", "REPLACE INTO t VALUES (1)",
    "ALTER TABLE t ADD x INT", "RENAME TABLE a TO b", "CREATE USER x", "GRANT ALL ON *.* TO x", "DROP DATABASE shop", "", ";", "   ", "-- nothing",
]
