# Statements that people type during incidents and that change nothing. One per line.
# A line `## mysql`, `## mariadb` or `## both` says for which flavour the following lines are meant.
## both
SELECT 1
SELECT 1;
SELECT VERSION()
SELECT @@version, @@version_comment
SELECT @@hostname, @@port, @@server_id, @@datadir
SELECT NOW()
SELECT CURRENT_TIMESTAMP
SELECT CURRENT_USER()
SELECT USER(), CURRENT_USER()
SELECT DATABASE()
SELECT CONNECTION_ID()
SELECT @@global.read_only
SELECT @@sql_log_bin
SELECT @@global.sql_mode, @@session.sql_mode
SELECT @@innodb_buffer_pool_size/1024/1024/1024 AS gb
SELECT @@max_connections
SELECT @@innodb_force_recovery
SELECT COUNT(*) FROM orders
SELECT COUNT(*) FROM shop.orders
select count(*) from shop.orders where created_at > now() - interval 1 day
SELECT MAX(id) FROM shop.orders
SELECT MIN(id), MAX(id), COUNT(*) FROM shop.orders
SELECT * FROM shop.orders LIMIT 10
SELECT * FROM shop.orders ORDER BY id DESC LIMIT 10
SELECT * FROM `shop`.`orders` WHERE id = 12345
SELECT * FROM shop.orders WHERE id = 12345\G
SELECT id, status FROM orders WHERE status = 'stuck'
SELECT id, status FROM orders WHERE status IN ('stuck', 'failed')
SELECT status, COUNT(*) FROM orders GROUP BY status
SELECT status, COUNT(*) c FROM orders GROUP BY status HAVING c > 100
SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer_id LIMIT 5
SELECT o.id FROM orders o LEFT JOIN customers c ON c.id = o.customer_id WHERE c.id IS NULL
SELECT COUNT(DISTINCT customer_id) FROM orders
SELECT SUM(CRC32(CONCAT(id, status))) FROM orders
SELECT COUNT(*), SUM(CRC32(CONCAT_WS('#', id, v, k))) FROM d.t
SELECT BIT_XOR(CRC32(CONCAT_WS('#', id, status))) FROM orders WHERE id BETWEEN 1 AND 10000
SELECT COALESCE(SUM(amount), 0) FROM orders
SELECT IFNULL(MAX(id), 0) FROM orders
SELECT IF(COUNT(*) > 0, 'yes', 'no') FROM orders
SELECT CASE WHEN status = 1 THEN 'a' ELSE 'b' END FROM orders LIMIT 3
SELECT DATE(created_at) d, COUNT(*) FROM orders GROUP BY d ORDER BY d DESC LIMIT 7
SELECT DATE_FORMAT(created_at, '%Y-%m-%d %H:00') h, COUNT(*) FROM orders GROUP BY h
SELECT UNIX_TIMESTAMP()
SELECT FROM_UNIXTIME(1700000000)
SELECT TIMESTAMPDIFF(SECOND, MAX(ts), NOW()) FROM heartbeat
SELECT TIMEDIFF(NOW(), MAX(ts)) FROM heartbeat.heartbeat
SELECT EXISTS(SELECT 1 FROM orders WHERE id = 5)
SELECT id FROM orders WHERE EXISTS (SELECT 1 FROM items i WHERE i.order_id = orders.id) LIMIT 5
SELECT id FROM orders WHERE customer_id NOT IN (SELECT id FROM customers)
SELECT id FROM a UNION SELECT id FROM b
SELECT id FROM a UNION ALL SELECT id FROM b ORDER BY 1 LIMIT 10
(SELECT id FROM a LIMIT 1) UNION ALL (SELECT id FROM b LIMIT 1)
WITH recent AS (SELECT id FROM orders ORDER BY id DESC LIMIT 100) SELECT COUNT(*) FROM recent
WITH RECURSIVE seq (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM seq WHERE n < 10) SELECT n FROM seq
SELECT id, ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY id) FROM orders LIMIT 10
SELECT id, LAG(id) OVER (ORDER BY id) FROM orders LIMIT 10
SELECT SQL_NO_CACHE COUNT(*) FROM orders
SELECT STRAIGHT_JOIN a.id FROM a JOIN b ON a.id = b.id LIMIT 1
SELECT id FROM orders USE INDEX (PRIMARY) WHERE id > 100 LIMIT 1
SELECT id FROM orders FORCE INDEX (idx_created) WHERE created_at > '2024-01-01' LIMIT 1
SELECT id FROM orders IGNORE INDEX FOR ORDER BY (idx_created) ORDER BY created_at LIMIT 1
SELECT COUNT(*) FROM orders PARTITION (p0)
SELECT COUNT(*) FROM orders PARTITION (p2023, p2024) WHERE amount > 10.5
SELECT id FROM orders WHERE note LIKE '%it''s%'
SELECT id FROM orders WHERE note LIKE '%; DROP TABLE x%'
SELECT id FROM orders WHERE note = "double quoted"
SELECT id FROM orders WHERE name REGEXP '^a'
SELECT id FROM articles WHERE MATCH (title, body) AGAINST ('outage' IN BOOLEAN MODE)
SELECT LENGTH(body), CHAR_LENGTH(body) FROM articles WHERE id = 1
SELECT HEX(id), LOWER(name), UPPER(name) FROM t LIMIT 1
SELECT SUBSTRING(name, 1, 10) FROM t LIMIT 1
SELECT SUBSTRING_INDEX(host, ':', 1) h, COUNT(*) FROM information_schema.processlist GROUP BY h
SELECT TRIM(BOTH ' ' FROM name) FROM t LIMIT 1
SELECT EXTRACT(YEAR FROM created_at) y, COUNT(*) FROM orders GROUP BY y
SELECT CAST(id AS CHAR) FROM t LIMIT 1
SELECT CAST(v AS DECIMAL(10,2)) FROM t LIMIT 1
SELECT CONVERT(name USING utf8mb4) FROM t LIMIT 1
SELECT JSON_EXTRACT(doc, '$.status') FROM docs LIMIT 1
SELECT JSON_UNQUOTE(JSON_EXTRACT(doc, '$.status')) s, COUNT(*) FROM docs GROUP BY s
SELECT JSON_VALID(doc) FROM docs LIMIT 10
SELECT MD5(GROUP_CONCAT(id ORDER BY id)) FROM t
SELECT GROUP_CONCAT(DISTINCT status ORDER BY status SEPARATOR ',') FROM orders
SELECT ROUND(SUM(data_length+index_length)/1024/1024) mb FROM information_schema.tables WHERE table_schema='shop'
SELECT table_schema, table_name, engine, table_rows FROM information_schema.tables WHERE table_schema = 'shop'
SELECT table_schema, ROUND(SUM(data_length + index_length) / 1024 / 1024, 1) AS mb FROM information_schema.tables GROUP BY table_schema
SELECT table_schema, table_name, ROUND(data_length/1024/1024) FROM information_schema.tables ORDER BY data_length DESC LIMIT 20
SELECT column_name, column_type FROM information_schema.columns WHERE table_schema = 'shop' AND table_name = 'orders'
SELECT * FROM information_schema.columns WHERE column_name LIKE '%email%'
SELECT * FROM information_schema.statistics WHERE table_schema = 'shop' AND table_name = 'orders'
SELECT * FROM information_schema.key_column_usage WHERE referenced_table_name = 'orders'
SELECT * FROM information_schema.referential_constraints WHERE constraint_schema = 'shop'
SELECT * FROM information_schema.triggers WHERE event_object_table = 'orders'
SELECT * FROM information_schema.partitions WHERE table_name = 'events'
SELECT * FROM information_schema.routines WHERE routine_schema = 'shop'
SELECT * FROM information_schema.events
SELECT * FROM information_schema.views WHERE table_schema = 'shop'
SELECT * FROM information_schema.schemata
SELECT * FROM information_schema.engines
SELECT * FROM information_schema.plugins WHERE plugin_status = 'ACTIVE'
SELECT * FROM information_schema.user_privileges
SELECT * FROM information_schema.processlist
SELECT * FROM information_schema.processlist WHERE command <> 'Sleep' ORDER BY time DESC
SELECT id, user, host, db, time, state, LEFT(info, 200) FROM information_schema.processlist WHERE time > 60
SELECT user, COUNT(*) FROM information_schema.processlist GROUP BY user ORDER BY 2 DESC
SELECT state, COUNT(*) FROM information_schema.processlist GROUP BY state ORDER BY COUNT(*) DESC
SELECT CONCAT('KILL ', id, ';') FROM information_schema.processlist WHERE time > 300 AND command = 'Query'
SELECT * FROM information_schema.innodb_trx
SELECT * FROM information_schema.innodb_trx ORDER BY trx_started LIMIT 5
SELECT trx_id, trx_state, trx_started, trx_mysql_thread_id, trx_rows_modified FROM information_schema.innodb_trx WHERE trx_started < NOW() - INTERVAL 60 SECOND
SELECT COUNT(*), MAX(TIMESTAMPDIFF(SECOND, trx_started, NOW())) FROM information_schema.INNODB_TRX
SELECT name, count FROM information_schema.innodb_metrics WHERE name LIKE '%history%'
SELECT NAME, COUNT FROM INFORMATION_SCHEMA.INNODB_METRICS WHERE NAME='trx_rseg_history_len'
SELECT * FROM performance_schema.threads WHERE processlist_id IS NOT NULL
SELECT * FROM performance_schema.events_statements_summary_by_digest ORDER BY sum_timer_wait DESC LIMIT 10
SELECT digest_text, count_star FROM performance_schema.events_statements_summary_by_digest ORDER BY count_star DESC LIMIT 10
SELECT * FROM performance_schema.events_stages_current
SELECT * FROM performance_schema.table_io_waits_summary_by_table ORDER BY sum_timer_wait DESC LIMIT 10
SELECT * FROM performance_schema.metadata_locks WHERE object_name = 'orders'
SELECT * FROM performance_schema.metadata_locks WHERE lock_status = 'PENDING'
SELECT * FROM performance_schema.setup_instruments WHERE enabled = 'NO' LIMIT 10
SELECT * FROM performance_schema.setup_consumers
SELECT * FROM performance_schema.accounts ORDER BY current_connections DESC
SELECT * FROM performance_schema.hosts
SELECT * FROM performance_schema.session_connect_attrs WHERE processlist_id = 42
SELECT m.*, t.processlist_id FROM performance_schema.metadata_locks m JOIN performance_schema.threads t ON t.thread_id = m.owner_thread_id
SELECT user, host FROM mysql.user
SELECT user, host, plugin FROM mysql.user WHERE user = 'app'
SELECT * FROM mysql.slow_log ORDER BY start_time DESC LIMIT 10
SELECT * FROM mysql.general_log LIMIT 5
SELECT * FROM mysql.innodb_table_stats WHERE table_name = 'orders'
SELECT * FROM mysql.innodb_index_stats WHERE table_name = 'orders'
SELECT db, name FROM mysql.proc LIMIT 1
SELECT IS_FREE_LOCK('countersign')
SELECT IS_USED_LOCK('countersign')
SELECT INET_ATON('10.0.0.1'), INET_NTOA(167772161)
SELECT 1 + 1, 7 DIV 2, 7 % 2, -3, ABS(-3)
SELECT FLOOR(RAND() * 100)
SELECT UUID()
SELECT ROW_COUNT(), FOUND_ROWS()
SELECT LAST_INSERT_ID()
SELECT GREATEST(1, 2, 3), LEAST(1, 2, 3)
SELECT REPLACE(name, 'a', 'b') FROM t LIMIT 1
SELECT INSERT('abc', 1, 1, 'x')
SELECT LPAD(id, 10, '0') FROM t LIMIT 1
SELECT DATEDIFF(NOW(), created_at) FROM orders LIMIT 1
SELECT DATE_SUB(NOW(), INTERVAL 1 HOUR)
SELECT DATE_ADD(NOW(), INTERVAL 1 HOUR)
SELECT UTC_TIMESTAMP()
SELECT SYSDATE()
SELECT NULLIF(a, b) FROM t
SELECT a <=> b FROM t
SELECT a != b, a <> b, a << 2, a >> 2, a & 1, a | 1, a ^ 1, ~a FROM t
SELECT a AND b OR NOT c XOR d FROM t
SELECT 0x41, x'41', b'01', 1e5, .5, 1.5
SELECT N'text', _utf8mb4'text'
SELECT @x
SELECT @@global.gtid_domain_id IS NULL
SELECT * FROM (SELECT id FROM orders LIMIT 5) AS t
SELECT t.* FROM shop.orders AS t WHERE t.`delete` = 0
SELECT id FROM orders WHERE (customer_id, status) IN ((1, 'a'), (2, 'b'))
SELECT id FROM orders WHERE created_at >= '2024-01-01' AND created_at < '2024-01-02' -- yesterday
SELECT /* who holds it */ id FROM orders LIMIT 1
SELECT id FROM orders LIMIT 1 # first one
SELECT MAX(seq) FROM outbox WHERE sent_at IS NULL
SELECT COUNT(*) FROM mysql.slow_log WHERE query_time > '00:00:05'
SELECT VAR_POP(x), STDDEV(x), AVG(x) FROM t
SELECT SLEEP(1)
SELECT GET_LOCK('migration', 5)
SELECT sys.format_bytes(12345)
SHOW DATABASES
SHOW SCHEMAS LIKE 'sh%'
SHOW TABLES
SHOW TABLES FROM shop
SHOW TABLES IN shop LIKE 'ord%'
SHOW FULL TABLES
SHOW FULL TABLES FROM shop WHERE table_type = 'VIEW'
SHOW OPEN TABLES
SHOW OPEN TABLES WHERE In_use > 0
SHOW OPEN TABLES FROM shop
SHOW TABLE STATUS
SHOW TABLE STATUS LIKE 'orders'
SHOW TABLE STATUS FROM shop LIKE 'orders'
SHOW TABLE STATUS FROM shop WHERE Engine = 'MyISAM'
SHOW CREATE TABLE orders
SHOW CREATE TABLE shop.orders
SHOW CREATE TABLE `shop`.`orders`\G
SHOW CREATE VIEW shop.v
SHOW CREATE DATABASE shop
SHOW CREATE SCHEMA shop
SHOW CREATE PROCEDURE shop.p
SHOW CREATE FUNCTION shop.f
SHOW CREATE TRIGGER shop.tr
SHOW CREATE EVENT shop.ev
SHOW CREATE USER 'app'@'%'
SHOW COLUMNS FROM orders
SHOW FULL COLUMNS FROM shop.orders
SHOW FULL COLUMNS FROM orders FROM shop LIKE 'id'
SHOW FIELDS FROM orders
SHOW INDEX FROM orders
SHOW INDEXES FROM shop.orders
SHOW KEYS FROM orders FROM shop
SHOW INDEX IN orders WHERE Key_name = 'PRIMARY'
SHOW TRIGGERS
SHOW TRIGGERS FROM shop LIKE 'orders'
SHOW EVENTS
SHOW EVENTS FROM shop
SHOW PROCEDURE STATUS
SHOW PROCEDURE STATUS WHERE Db = 'shop'
SHOW FUNCTION STATUS WHERE Db = DATABASE()
SHOW PROCESSLIST
SHOW FULL PROCESSLIST
show full processlist;
SHOW STATUS
SHOW GLOBAL STATUS
SHOW SESSION STATUS LIKE 'Com_%'
SHOW GLOBAL STATUS LIKE 'Threads_%'
SHOW GLOBAL STATUS LIKE 'Innodb_row_lock%'
SHOW GLOBAL STATUS WHERE Variable_name IN ('Threads_running', 'Threads_connected')
SHOW GLOBAL STATUS WHERE Variable_name LIKE 'Aborted%' OR Variable_name LIKE 'Max_used%'
SHOW STATUS LIKE 'wsrep_%'
SHOW STATUS LIKE 'wsrep_cluster_size'
SHOW GLOBAL STATUS LIKE 'wsrep_local_state_comment'
SHOW VARIABLES
SHOW VARIABLES LIKE 'read_only'
SHOW GLOBAL VARIABLES LIKE '%gtid%'
SHOW GLOBAL VARIABLES LIKE 'max_connections'
SHOW SESSION VARIABLES LIKE 'sql_log_bin'
SHOW LOCAL VARIABLES LIKE 'sql_mode'
SHOW VARIABLES WHERE Variable_name IN ('read_only', 'log_bin', 'server_id')
SHOW GRANTS
SHOW GRANTS FOR CURRENT_USER()
SHOW GRANTS FOR 'app'@'%'
SHOW GRANTS FOR app@localhost
SHOW PRIVILEGES
SHOW ENGINES
SHOW STORAGE ENGINES
SHOW PLUGINS
SHOW ENGINE INNODB STATUS
SHOW ENGINE INNODB STATUS\G
SHOW ENGINE INNODB MUTEX
SHOW ENGINE PERFORMANCE_SCHEMA STATUS
SHOW WARNINGS
SHOW WARNINGS LIMIT 10
SHOW ERRORS
SHOW COUNT(*) WARNINGS
SHOW COUNT(*) ERRORS
SHOW CHARACTER SET
SHOW CHARACTER SET LIKE 'utf8%'
SHOW COLLATION LIKE 'utf8mb4%'
SHOW PROFILES
SHOW PROFILE FOR QUERY 1
SHOW PROFILE ALL FOR QUERY 2
SHOW BINARY LOGS
SHOW BINLOG EVENTS IN 'binlog.000012' FROM 4 LIMIT 20
SHOW BINLOG EVENTS LIMIT 5
SHOW RELAYLOG EVENTS IN 'relay.000002' LIMIT 5
DESCRIBE orders
DESC shop.orders
DESC shop.orders status
DESCRIBE shop.orders 'st%'
EXPLAIN shop.orders
EXPLAIN SELECT * FROM orders WHERE id = 5
EXPLAIN SELECT * FROM orders o JOIN items i ON i.order_id = o.id WHERE o.created_at > '2024-01-01'
EXPLAIN FORMAT=JSON SELECT * FROM orders WHERE status = 'x'
EXPLAIN EXTENDED SELECT * FROM orders
EXPLAIN PARTITIONS SELECT * FROM events
DESC SELECT 1
EXPLAIN UPDATE orders SET status = 'x' WHERE id = 5
EXPLAIN DELETE FROM orders WHERE created_at < '2020-01-01'
EXPLAIN INSERT INTO archive SELECT * FROM orders WHERE id < 10
EXPLAIN REPLACE INTO t VALUES (1)
EXPLAIN DELETE o FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.id IS NULL
HELP 'SHOW'
HELP 'contents'
CHECKSUM TABLE shop.orders
CHECKSUM TABLE shop.orders, shop.items
CHECKSUM TABLE shop.orders QUICK
CHECKSUM TABLE shop.orders EXTENDED
USE shop
USE `shop`;
SET SESSION lock_wait_timeout = 5
SET SESSION innodb_lock_wait_timeout = 5
SET lock_wait_timeout = 5, innodb_lock_wait_timeout = 5
SET SESSION wait_timeout = 28800
SET SESSION group_concat_max_len = 1000000
SET NAMES utf8mb4
SET @t = 5
SET @from = '2024-01-01'
SHOW MASTER STATUS
SHOW SLAVE STATUS
SHOW SLAVE STATUS\G
SHOW SLAVE HOSTS
SHOW MASTER LOGS
SHOW REPLICA STATUS
## mysql
SHOW REPLICA STATUS FOR CHANNEL 'main'
SHOW SLAVE STATUS FOR CHANNEL 'main'
SHOW REPLICAS
SHOW BINARY LOG STATUS
SELECT @@gtid_executed
SELECT @@global.gtid_executed, @@global.gtid_purged
SELECT @@server_uuid
SELECT @@super_read_only, @@read_only
SELECT GTID_SUBSET('3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5', @@global.gtid_executed)
SELECT GTID_SUBTRACT(@@global.gtid_executed, '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5')
SELECT WAIT_FOR_EXECUTED_GTID_SET('3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5', 10)
SELECT * FROM performance_schema.replication_connection_status
SELECT * FROM performance_schema.replication_applier_status_by_worker
SELECT worker_id, last_error_number, last_error_message FROM performance_schema.replication_applier_status_by_worker WHERE last_error_number <> 0
SELECT * FROM performance_schema.replication_applier_status_by_coordinator
SELECT * FROM performance_schema.replication_group_members
SELECT * FROM performance_schema.replication_group_member_stats
SELECT * FROM performance_schema.replication_asynchronous_connection_failover
SELECT * FROM performance_schema.data_locks LIMIT 100
SELECT * FROM performance_schema.data_lock_waits
SELECT * FROM performance_schema.processlist WHERE command = 'Binlog Dump GTID'
SELECT * FROM performance_schema.error_log ORDER BY logged DESC LIMIT 20
SELECT * FROM performance_schema.log_status
SELECT * FROM performance_schema.clone_status
SELECT * FROM performance_schema.clone_progress
SELECT * FROM performance_schema.persisted_variables
SELECT * FROM performance_schema.variables_info WHERE variable_name = 'read_only'
SELECT * FROM performance_schema.global_status WHERE variable_name LIKE 'Innodb_buffer_pool%'
SELECT variable_value FROM performance_schema.global_variables WHERE variable_name = 'log_bin'
SELECT * FROM sys.innodb_lock_waits
SELECT * FROM sys.schema_table_lock_waits
SELECT blocking_pid, COUNT(*) FROM sys.innodb_lock_waits GROUP BY blocking_pid
SELECT * FROM sys.processlist WHERE conn_id IS NOT NULL
SELECT * FROM sys.session
SELECT * FROM sys.statement_analysis LIMIT 10
SELECT * FROM sys.schema_unused_indexes
SELECT * FROM sys.schema_redundant_indexes WHERE table_schema = 'shop'
SELECT * FROM sys.memory_global_by_current_bytes LIMIT 10
SELECT * FROM sys.host_summary
SELECT ANY_VALUE(id) FROM orders GROUP BY customer_id
SELECT doc->'$.a', doc->>'$.b' FROM docs LIMIT 1
SELECT /*+ MAX_EXECUTION_TIME(1000) */ COUNT(*) FROM orders
SELECT /*+ NO_INDEX_MERGE(o) */ id FROM orders o LIMIT 1
EXPLAIN FORMAT=TREE SELECT * FROM orders
EXPLAIN ANALYZE SELECT COUNT(*) FROM orders
EXPLAIN FOR CONNECTION 42
SHOW EXTENDED COLUMNS FROM orders
SHOW EXTENDED INDEX FROM orders
TABLE shop.orders LIMIT 5
VALUES ROW(1, 2), ROW(3, 4)
SET SESSION max_execution_time = 1000
## mariadb
SHOW ALL SLAVES STATUS
SHOW ALL REPLICAS STATUS
SHOW SLAVE 'main' STATUS
SHOW BINLOG STATUS
SHOW REPLICA HOSTS
SHOW EXPLAIN FOR 42
SHOW ANALYZE FOR 42
SHOW ANALYZE FORMAT=JSON FOR 42
SHOW PACKAGE STATUS
SHOW CREATE SEQUENCE shop.s
SHOW CREATE PACKAGE shop.p
SHOW USER_STATISTICS
SHOW INDEX_STATISTICS
SHOW TABLE_STATISTICS
SHOW CLIENT_STATISTICS
SHOW PLUGINS SONAME 'ha_archive.so'
SELECT @@gtid_slave_pos, @@gtid_binlog_pos, @@gtid_current_pos
SELECT @@global.gtid_binlog_state
SELECT @@gtid_domain_id, @@gtid_strict_mode
SELECT BINLOG_GTID_POS('mysql-bin.000003', 4)
SELECT MASTER_GTID_WAIT('0-1-17', 10)
SELECT * FROM mysql.gtid_slave_pos
SELECT MAX(seq_no) FROM mysql.gtid_slave_pos GROUP BY domain_id
SELECT * FROM information_schema.metadata_lock_info
SELECT id, time_ms, stage, max_stage, progress, info FROM information_schema.processlist
SELECT * FROM information_schema.innodb_lock_waits
SELECT * FROM information_schema.innodb_locks
SELECT * FROM information_schema.slave_status
SELECT * FROM information_schema.system_variables WHERE variable_name = 'read_only'
SELECT * FROM information_schema.global_status WHERE variable_name LIKE 'wsrep%'
SELECT * FROM information_schema.global_variables WHERE variable_name = 'log_bin'
SELECT * FROM t FOR SYSTEM_TIME AS OF TIMESTAMP '2024-01-01 00:00:00'
SELECT * FROM shop.orders FOR SYSTEM_TIME ALL WHERE id = 5
SELECT MEDIAN(x) OVER (PARTITION BY y) FROM t
SELECT id FROM a EXCEPT SELECT id FROM b
SELECT id FROM a INTERSECT SELECT id FROM b
SELECT COUNT(*) FROM orders LIMIT 1 ROWS EXAMINED 100000
SELECT JSON_VALUE(doc, '$.status') FROM docs LIMIT 1
ANALYZE SELECT COUNT(*) FROM orders
ANALYZE FORMAT=JSON SELECT COUNT(*) FROM orders
SET SESSION max_statement_time = 5
SET STATEMENT max_statement_time = 5 FOR SELECT COUNT(*) FROM orders
