//! Template data directories: made once per server version and accounts, then copied for every server.
//!
//! Making one takes a second (MariaDB) to some seconds (MySQL), copying takes a fraction. Two processes may want the
//! same template at once: the first holds a lock and renames the finished one into place, the second then finds it.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::accounts::{self, Passwords, random_word};
use super::binaries::{self, ServerProgram};
use super::error::LabError;
use super::files::{copy_dir, private_dir, remove_dir, write_private};
use super::flavor::Flavor;
use super::options;
use crate::domain::base::Digest;

/// The parts of MariaDB's bootstrap, in their order. The help tables are left out: nobody reads them here.
const BOOTSTRAP: [&str; 5] = [
    "mysql_system_tables.sql",
    "mysql_performance_tables.sql",
    "mysql_system_tables_data.sql",
    "maria_add_gis_sp_bootstrap.sql",
    "mysql_sys_schema.sql",
];

/// A finished template.
pub struct Template {
    data: PathBuf,
    pub passwords: Passwords,
}

impl Template {
    /// Finds the template of `program` in the cache or makes it. Blocks.
    pub fn ensure(program: &ServerProgram) -> Result<Self, LabError> {
        let home = binaries::cache_dir()?.join("templates");
        private_dir(&home)?;
        let place = home.join(key(program)?);
        if !place.exists() {
            let path = place.with_extension("lock");
            let lock = open_lock(&path)?;
            lock.lock().map_err(LabError::at(&path))?;
            if !place.exists() {
                make(program, &home, &place)?;
            }
        }
        Self::read(&place)
    }

    /// Copies the data for one server. A MySQL server makes itself a new identity when `auto.cnf` is absent. Blocks.
    pub fn copy_to(&self, datadir: &Path) -> Result<(), LabError> {
        copy_dir(&self.data, datadir, &["auto.cnf"])
    }

    fn read(place: &Path) -> Result<Self, LabError> {
        let path = place.join("accounts.json");
        let text = fs::read_to_string(&path).map_err(LabError::at(&path))?;
        let passwords = serde_json::from_str(&text)
            .map_err(|error| LabError::BadRecord { path: path.clone(), found: error.to_string() })?;
        Ok(Self { data: place.join("data"), passwords })
    }
}

/// Names a template by all that goes into it, so that a new version or another right makes a new one.
fn key(program: &ServerProgram) -> Result<String, LabError> {
    let nobody: Passwords = serde_json::from_str(r#"{"observe":"","act":"","replicate":""}"#)
        .map_err(|error| LabError::NoRandomness(error.to_string()))?;
    let parts = [
        program.path.to_string_lossy().into_owned(),
        accounts::statements(program.flavor, &nobody),
        options::for_template(program.flavor).join(" "),
        BOOTSTRAP.join(" "),
    ];
    let digest = Digest::of(parts.join("\n").as_bytes());
    let version: String = program.version.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    Ok(format!("{}-{version}-{}", program.flavor, digest.short()))
}

fn open_lock(path: &Path) -> Result<File, LabError> {
    OpenOptions::new().create(true).append(true).open(path).map_err(LabError::at(path))
}

/// Makes a template beside its place and moves it there when it is whole. What a killed maker left is swept first.
fn make(program: &ServerProgram, home: &Path, place: &Path) -> Result<(), LabError> {
    let stem = format!(".new-{}", place.file_name().unwrap_or_default().to_string_lossy());
    for entry in fs::read_dir(home).map_err(LabError::at(home))?.flatten() {
        if entry.file_name().to_string_lossy().starts_with(&stem) {
            remove_dir(&entry.path())?;
        }
    }
    let new = home.join(format!("{stem}-{}", random_word()?));
    private_dir(&new.join("data"))?;
    private_dir(&new.join(options::TMP))?;
    let passwords = Passwords::random()?;
    let log = home.join(format!("{}.log", program.flavor));
    match program.flavor {
        Flavor::Mariadb => bootstrap_mariadb(program, &new, &passwords, &log)?,
        Flavor::Mysql => initialize_mysql(program, &new, &passwords, &log)?,
    }
    let text = serde_json::to_string(&passwords)
        .map_err(|error| LabError::BadRecord { path: new.clone(), found: error.to_string() })?;
    write_private(&new.join("accounts.json"), &text)?;
    fs::rename(&new, place).map_err(LabError::at(place))
}

fn bootstrap_mariadb(program: &ServerProgram, new: &Path, passwords: &Passwords, log: &Path) -> Result<(), LabError> {
    let share = share_dir(program, log)?;
    let mut sql = "SET @auth_root_socket=NULL;\nCREATE DATABASE mysql;\nUSE mysql;\n".to_owned();
    for part in BOOTSTRAP {
        let path = share.join(part);
        sql.push_str(&fs::read_to_string(&path).map_err(LabError::at(&path))?);
        sql.push('\n');
    }
    sql.push_str(&accounts::statements(program.flavor, passwords));
    let input = new.join("bootstrap.sql");
    write_private(&input, &sql)?;
    let mut command = base_command(program, new);
    command.args(["--bootstrap", "--enforce-storage-engine=", "--log-warnings=0"]);
    command.stdin(File::open(&input).map_err(LabError::at(&input))?);
    run(program, command, log)?;
    fs::remove_file(&input).map_err(LabError::at(&input))
}

fn initialize_mysql(program: &ServerProgram, new: &Path, passwords: &Passwords, log: &Path) -> Result<(), LabError> {
    let input = new.join("accounts.sql");
    write_private(&input, &accounts::statements(program.flavor, passwords))?;
    let mut command = base_command(program, new);
    command.args(["--initialize-insecure", "--skip-log-bin"]).arg(format!("--init-file={}", input.display()));
    command.stdin(Stdio::null());
    run(program, command, log)?;
    fs::remove_file(&input).map_err(LabError::at(&input))
}

fn base_command(program: &ServerProgram, new: &Path) -> Command {
    let mut command = Command::new(&program.path);
    command.arg("--no-defaults").arg(format!("--datadir={}", new.join("data").display()));
    command.arg(format!("--tmpdir={}", new.join(options::TMP).display()));
    command.args(options::for_template(program.flavor));
    command
}

/// The folder of the files that came with the server, as the server itself knows it.
fn share_dir(program: &ServerProgram, log: &Path) -> Result<PathBuf, LabError> {
    let output = Command::new(&program.path).args(["--no-defaults", "--verbose", "--help"]).output();
    let output = output.map_err(LabError::at(&program.path))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let charsets = text.lines().find_map(|line| line.strip_prefix("character-sets-dir")).map(str::trim);
    charsets.and_then(|path| Path::new(path).parent()).map(Path::to_owned).ok_or_else(|| LabError::Template {
        flavor: program.flavor,
        found: "`--verbose --help` names no `character-sets-dir`".to_owned(),
        log: log.to_owned(),
    })
}

fn run(program: &ServerProgram, mut command: Command, log: &Path) -> Result<(), LabError> {
    let output = File::create(log).map_err(LabError::at(log))?;
    let errors = output.try_clone().map_err(LabError::at(log))?;
    let status = command.stdout(output).stderr(errors).status().map_err(LabError::at(&program.path))?;
    // The bootstrap mode of MariaDB goes on after a failed statement and says so only in its output.
    let text = fs::read_to_string(log).unwrap_or_default();
    let complaint = text.lines().find(|line| line.contains("ERROR:") || line.contains("[ERROR]"));
    let found = match (status.success(), complaint) {
        (true, None) => return Ok(()),
        (_, Some(line)) => line.to_owned(),
        (false, None) => status.to_string(),
    };
    Err(LabError::Template { flavor: program.flavor, found, log: log.to_owned() })
}
