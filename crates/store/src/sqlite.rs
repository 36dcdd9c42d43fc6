//! Connections: how files are created, opened, brought up to date and merged with their logs. Must not know their tables.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::schema::{Migration, Schema};
use crate::{Limits, StoreError, whole};

/// Bytes of a page where nothing speaks for another size.
pub(crate) const PAGE_BYTES: u32 = 4_096;

/// How long a connection waits for another's short lock. Writers are single, so this is met only when files are opened.
const WAIT: Duration = Duration::from_secs(5);

/// Statements each connection keeps prepared.
const STATEMENTS: usize = 64;

/// A connection that may write, and the path for its errors.
#[derive(Debug)]
pub(crate) struct Database {
    /// Before `_file`: closed first.
    pub(crate) connection: Connection,
    pub(crate) path: PathBuf,
    /// Held open, not used: closing any descriptor of a file gives up all POSIX locks the process has on it.
    _file: Option<File>,
}

impl Database {
    /// Opens a file for writing, creating and migrating it where necessary, and makes sure that it is whole.
    pub(crate) fn open(
        path: &Path,
        schema: &Schema,
        limits: &Limits,
        cache_bytes: u32,
    ) -> Result<Self, StoreError> {
        if !path.exists() {
            create(path, schema)?;
        }
        let (file, before) = whole::before_opening(path, schema)?;
        let failed = || StoreError::sqlite(path, "opening");
        let mut connection =
            connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, cache_bytes).map_err(failed())?;
        whole::after_opening(path, schema, &before, &connection)?;
        migrate(path, schema, &mut connection)?;
        configure(&connection, schema, limits).map_err(failed())?;
        Ok(Self { connection, path: path.to_owned(), _file: Some(file) })
    }

    /// A second connection that merges the log of a file this process has open already. It looks at nothing but pages.
    pub(crate) fn for_merging(path: &Path, cache_bytes: u32) -> Result<Self, StoreError> {
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, cache_bytes)
            .and_then(|connection| {
                connection.pragma_update(None, "synchronous", "FULL")?;
                connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
                Ok(connection)
            })
            .map_err(StoreError::sqlite(path, "opening once more"))?;
        Ok(Self { connection, path: path.to_owned(), _file: None })
    }

    /// Opens a file that exists, for reading, beside somebody who writes.
    pub(crate) fn read_only(path: &Path, schema: &Schema, cache_bytes: u32) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::NoData { path: path.to_owned() });
        }
        let database = Self::read_only_of_any_version(path, schema, cache_bytes)?;
        let found = version(path, schema, &database.connection)?;
        let known = known_version(schema);
        let missing = schema.migrations.iter().skip(usize::try_from(found).unwrap_or(0));
        if found > 0 && missing.into_iter().any(|migration| matches!(migration, Migration::Anew)) {
            return Err(StoreError::OldForm { path: path.to_owned() });
        }
        if found < known {
            let problem = format!(
                "its schema is {found}, this program needs {known}: start a server on it, which brings it up to date or says why not"
            );
            return Err(StoreError::damaged(path, problem));
        }
        Ok(database)
    }

    /// The same with whatever version it has, for questions that all versions answer.
    pub(crate) fn read_only_of_any_version(
        path: &Path,
        schema: &Schema,
        cache_bytes: u32,
    ) -> Result<Self, StoreError> {
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, cache_bytes)
            .map_err(StoreError::sqlite(path, "opening for reading"))?;
        version(path, schema, &connection)?;
        Ok(Self { connection, path: path.to_owned(), _file: None })
    }

    /// For `map_err` on what this connection does.
    pub(crate) fn failed(&self, doing: &'static str) -> impl FnOnce(rusqlite::Error) -> StoreError {
        StoreError::sqlite(&self.path, doing)
    }
}

/// Merges what is possible of the log into the file, without waiting for anybody; gives the pages in the log, and how many
/// of them are merged.
pub(crate) fn merge(connection: &Connection) -> rusqlite::Result<(u32, u32)> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
        // -1 where there is no log yet.
        let pages = |column| row.get::<_, i64>(column).map(|pages| u32::try_from(pages).unwrap_or(0));
        Ok((pages(1)?, pages(2)?))
    })
}

/// Makes a new file beside its place and renames it, so that a file in its place is never half made – and an empty one
/// there is known to be damaged.
fn create(path: &Path, schema: &Schema) -> Result<(), StoreError> {
    let log = whole::log_path(path);
    if log.exists() {
        let problem = format!("it is missing, but its log {} is there", log.display());
        return Err(StoreError::damaged(path, problem));
    }
    let mut staged = path.as_os_str().to_owned();
    staged.push(".new");
    let staged = PathBuf::from(staged);
    if staged.exists() {
        fs::remove_file(&staged).map_err(StoreError::io(&staged, "removing a half made file"))?;
    }
    let failed = || StoreError::sqlite(path, "creating");
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let mut connection = connect(&staged, flags, 1 << 20).map_err(failed())?;
    let set_up =
        format!("PRAGMA page_size={}; PRAGMA application_id={};", schema.page_bytes, schema.application_id);
    connection.execute_batch(&set_up).map_err(failed())?;
    migrate(path, schema, &mut connection)?;
    connection.close().map_err(|(_, error)| failed()(error))?;
    fs::rename(&staged, path).map_err(StoreError::io(path, "creating"))?;
    sync_folder_of(path)
}

fn connect(path: &Path, flags: OpenFlags, cache_bytes: u32) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(WAIT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "cache_size", -i64::from(cache_bytes / 1_024))?;
    Ok(connection)
}

fn configure(connection: &Connection, schema: &Schema, limits: &Limits) -> rusqlite::Result<()> {
    let mode: String = connection.query_row("PRAGMA journal_mode=WAL", [], |row| row.get(0))?;
    debug_assert_eq!(mode, "wal");
    connection.pragma_update(None, "synchronous", schema.synchronous)?;
    let page_bytes: u32 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    connection.pragma_update(None, "wal_autocheckpoint", limits.wal_bytes / page_bytes)?;
    // Rounds up what a long reader made of the log; SQLite reuses the rest in place.
    connection.pragma_update_and_check(None, "journal_size_limit", limits.wal_bytes, |_| Ok(()))?;
    if let Some(bytes) = limits.file_bytes_max {
        let pages = bytes / u64::from(page_bytes);
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    Ok(())
}

fn known_version(schema: &Schema) -> u32 {
    u32::try_from(schema.migrations.len()).unwrap_or(u32::MAX)
}

/// The schema's number, if the file is of this kind and not too new.
fn version(path: &Path, schema: &Schema, connection: &Connection) -> Result<u32, StoreError> {
    let ask = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let failed = || StoreError::sqlite(path, "reading its version");
    if ask("application_id").map_err(failed())? != schema.application_id {
        return Err(StoreError::damaged(path, "it is some other SQLite file"));
    }
    let found = ask("user_version").map_err(failed())?;
    let found = u32::try_from(found).map_err(|_| StoreError::damaged(path, "its version is negative"))?;
    let known = known_version(schema);
    if found > known {
        return Err(StoreError::Newer { path: path.to_owned(), found, known });
    }
    Ok(found)
}

fn migrate(path: &Path, schema: &Schema, connection: &mut Connection) -> Result<(), StoreError> {
    let found = version(path, schema, connection)?;
    let missing = || schema.migrations.iter().zip(0_u32..).skip(usize::try_from(found).unwrap_or(0));
    if found > 0 && missing().any(|(migration, _)| matches!(migration, Migration::Anew)) {
        return Err(StoreError::OldForm { path: path.to_owned() });
    }
    for (migration, from) in missing() {
        let failed = || StoreError::sqlite(path, "bringing it up to date");
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed())?;
        if let Migration::Sql(text) = migration {
            transaction.execute_batch(text).map_err(failed())?;
        }
        transaction.pragma_update(None, "user_version", from.saturating_add(1)).map_err(failed())?;
        transaction.commit().map_err(failed())?;
    }
    Ok(())
}

/// Makes the name of a file durable.
pub(crate) fn sync_folder_of(path: &Path) -> Result<(), StoreError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(StoreError::io(folder, "syncing"))
}

#[cfg(test)]
mod tests {
    use super::{Database, Schema};
    use crate::schema::Migration::{Anew, Sql};
    use crate::{Limits, StoreError};

    const FIRST: Schema = Schema {
        application_id: 7,
        migrations: &[Sql("CREATE TABLE a(x)")],
        page_bytes: 4_096,
        synchronous: "FULL",
        progress: "SELECT ''",
    };
    const SECOND: Schema = Schema {
        application_id: 7,
        migrations: &[Sql("CREATE TABLE a(x)"), Sql("ALTER TABLE a ADD y; INSERT INTO a VALUES(1, 2)")],
        page_bytes: 4_096,
        synchronous: "FULL",
        progress: "SELECT ''",
    };
    const FAILING: Schema = Schema {
        application_id: 7,
        migrations: &[Sql("CREATE TABLE a(x)"), Sql("INSERT INTO a VALUES(1); INSERT INTO b VALUES(1)")],
        page_bytes: 4_096,
        synchronous: "FULL",
        progress: "SELECT ''",
    };

    fn open(path: &std::path::Path, schema: &Schema) -> Result<Database, StoreError> {
        Database::open(path, schema, &Limits::default(), 1 << 20)
    }

    #[test]
    fn an_old_file_is_brought_up_to_date_once_and_a_newer_one_refused() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("x.db");
        drop(open(&path, &FIRST).unwrap());
        for _ in 0..2 {
            let database = open(&path, &SECOND).unwrap();
            let rows: i64 =
                database.connection.query_row("SELECT sum(y) FROM a", [], |row| row.get(0)).unwrap();
            assert_eq!(rows, 2);
        }
        let refused = open(&path, &FIRST).unwrap_err();
        assert!(matches!(refused, StoreError::Newer { found: 2, known: 1, .. }), "{refused:?}");
        assert!(refused.to_string().contains("start the newer version"));
    }

    #[test]
    fn a_file_of_an_old_form_is_not_opened_and_not_changed() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("x.db");
        drop(open(&path, &FIRST).unwrap());
        let anew =
            Schema { migrations: &[Sql("CREATE TABLE a(x)"), Sql("CREATE TABLE b(x)"), Anew], ..FIRST };
        let refused = open(&path, &anew).unwrap_err();
        assert!(matches!(refused, StoreError::OldForm { .. }), "{refused:?}");
        drop(open(&path, &FIRST).unwrap());
        drop(open(&place.path().join("new.db"), &anew).unwrap());
    }

    #[test]
    fn a_failing_migration_leaves_the_file_as_it_was() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("x.db");
        drop(open(&path, &FIRST).unwrap());
        open(&path, &FAILING).unwrap_err();
        let database = open(&path, &FIRST).unwrap();
        let rows: i64 =
            database.connection.query_row("SELECT count(*) FROM a", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 0);
    }

    #[test]
    fn a_file_of_another_kind_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("x.db");
        drop(open(&path, &FIRST).unwrap());
        let other = Schema { application_id: 8, ..FIRST };
        assert!(open(&path, &other).unwrap_err().to_string().contains("some other SQLite file"));
    }
}
