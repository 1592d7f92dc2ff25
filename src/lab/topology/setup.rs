//! Starting a lab: from a shape to servers that replicate.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use futures_util::future::try_join_all;

use crate::domain::base::ServerName;
use crate::lab::accounts::random_word;
use crate::lab::binaries;
use crate::lab::error::LabError;
use crate::lab::files::{data_home, private_dir, remove_dir, write_private};
use crate::lab::flavor::Flavor;
use crate::lab::fleet_file;
use crate::lab::keeper::{self, KeeperClient};
use crate::lab::options::{self, Settings, option_file};
use crate::lab::record::{LabRecord, Member, Parts, check_socket_length, server_dir};
use crate::lab::server::Failed;
use crate::lab::shape::Shape;
use crate::lab::template::Template;

use super::Topology;

/// How often a server may find its port taken before that is an error.
const PORT_ATTEMPTS: usize = 5;

/// What a lab shall be; nothing happens before it is started.
#[derive(Debug, Clone)]
pub struct Setup {
    flavor: Flavor,
    shape: Shape,
    for_all: Vec<(String, String)>,
    for_one: BTreeMap<String, Vec<(String, String)>>,
}

/// A server to be, and the listener that holds its port.
type Seat = ((ServerName, Member), TcpListener);

/// Who ends the lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    WithOwner,
    WhenTold,
}

impl Setup {
    pub fn new(flavor: Flavor, shape: Shape) -> Self {
        Self { flavor, shape, for_all: Vec::new(), for_one: BTreeMap::new() }
    }

    /// Adds a line to every server's option file.
    #[must_use]
    pub fn option(mut self, name: &str, value: &str) -> Self {
        self.for_all.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a line to one server's option file.
    #[must_use]
    pub fn server_option(mut self, server: &str, name: &str, value: &str) -> Self {
        self.for_one.entry(server.to_owned()).or_default().push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts the servers for the life of the answer, in a directory of their own. `keeper` is the program whose first
    /// argument may be `keeper`: tests give the built binary.
    pub async fn start(self, keeper: &Path) -> Result<Topology, LabError> {
        let dir = std::env::temp_dir().join(format!("countersign-lab-{}", random_word()?));
        private_dir(&dir)?;
        let started = self.start_in(keeper, dir.clone(), Ends::WithOwner).await;
        if started.is_err() {
            // The keeper removes it when there was one; what matters to the caller is the first error.
            let _ = remove_dir(&dir);
        }
        started
    }

    /// Starts the servers in `dir`, where they stay until told or until `dir` is removed.
    pub async fn start_detached(self, keeper: &Path, dir: &Path) -> Result<Topology, LabError> {
        private_dir(dir)?;
        let dir = dir.canonicalize().map_err(LabError::at(dir))?;
        if LabRecord::path(&dir).exists() {
            return Err(LabError::AlreadyUp { path: dir });
        }
        if std::fs::read_dir(&dir).map_err(LabError::at(&dir))?.next().is_some() {
            return Err(LabError::NotEmpty { path: dir });
        }
        let started = self.start_in(keeper, dir.clone(), Ends::WhenTold).await;
        if started.is_err()
            && let Ok(rest) = Topology::attach(&dir)
        {
            let _ = rest.end().await;
        }
        started
    }

    async fn start_in(self, keeper: &Path, dir: PathBuf, ends: Ends) -> Result<Topology, LabError> {
        let names: Vec<ServerName> = self.shape.servers().iter().map(|(name, _)| name.clone()).collect();
        check_socket_length(&dir, &names)?;
        let (flavor, program, template) = blocking(move || find_template(self.flavor)).await?;
        let (members, listeners): (Vec<_>, Vec<_>) = self.members()?.into_iter().unzip();
        let data = data_home(&dir, members.len())?;
        let record = LabRecord::new(Parts {
            flavor,
            version: program.version,
            program: program.path,
            data_home: data.clone(),
            passwords: template.passwords.clone(),
            members,
        });
        let prepared = prepare(&self, &dir, &record, template, keeper, ends).await;
        if prepared.is_err() {
            let _ = remove_dir(&data);
        }
        let mut topology = prepared?;
        drop(listeners);
        topology.start_all(&self).await?;
        Ok(topology)
    }

    /// Each server with a port of its own, which a listener holds until the server takes it.
    fn members(&self) -> Result<Vec<Seat>, LabError> {
        let one = |(name, sources): &(ServerName, Vec<ServerName>)| {
            let (port, listener) = free_port()?;
            Ok(((name.clone(), Member { port, sources: sources.clone() }), listener))
        };
        self.shape.servers().iter().map(one).collect()
    }

    fn write_option_file(&self, dir: &Path, record: &LabRecord, name: &ServerName) -> Result<(), LabError> {
        let index = record.order.iter().position(|other| other == name).unwrap_or(0);
        let server_id = u32::try_from(index + 1).unwrap_or(u32::MAX);
        let several_primaries = record.members.values().filter(|member| member.sources.is_empty()).count() > 1;
        let extra: Vec<(String, String)> =
            self.for_all.iter().chain(self.for_one.get(name.as_str()).into_iter().flatten()).cloned().collect();
        let settings = Settings {
            flavor: record.flavor,
            server_dir: &server_dir(dir, name),
            datadir: &record.datadir(name),
            port: record.member(name)?.port,
            server_id,
            domain_id: if several_primaries { server_id } else { 0 },
            extra: &extra,
        };
        write_private(&settings.server_dir.join("my.cnf"), &option_file(&settings))
    }
}

impl Topology {
    /// Starts all servers at once, then all replication at once.
    async fn start_all(&mut self, setup: &Setup) -> Result<(), LabError> {
        let names = self.names().to_vec();
        let mut left: Vec<ServerName> = names.clone();
        for _ in 0..PORT_ATTEMPTS {
            let starts = left.iter().map(|name| async { (name.clone(), self.start_once(name).await) });
            let mut unlucky = Vec::new();
            for (name, started) in futures_util::future::join_all(starts).await {
                match started {
                    Ok(()) => {}
                    Err(Failed::PortTaken) => unlucky.push(name),
                    Err(Failed::Other(error)) => return Err(error),
                }
            }
            for name in &unlucky {
                self.move_port(setup, name)?;
            }
            left = unlucky;
            if left.is_empty() {
                break;
            }
        }
        if let Some(server) = left.into_iter().next() {
            return Err(LabError::Died { server, how: "no free port".to_owned(), log: String::new() });
        }
        fleet_file::write(&self.dir, &self.record)?;
        try_join_all(names.iter().map(|name| self.follow_sources(name))).await.map(drop)
    }

    /// Gives a server another port.
    fn move_port(&mut self, setup: &Setup, name: &ServerName) -> Result<(), LabError> {
        if let Some(member) = self.record.members.get_mut(name) {
            member.port = free_port()?.0;
        }
        self.record.write(&self.dir)?;
        setup.write_option_file(&self.dir, &self.record, name)
    }
}

/// Everything up to the point where servers can be started: files, data and the keeper.
async fn prepare(
    setup: &Setup,
    dir: &Path,
    record: &LabRecord,
    template: Template,
    keeper: &Path,
    ends: Ends,
) -> Result<Topology, LabError> {
    for name in &record.order {
        private_dir(&server_dir(dir, name).join(options::TMP))?;
        setup.write_option_file(dir, record, name)?;
    }
    record.write(dir)?;
    let datadirs: Vec<PathBuf> = record.order.iter().map(|name| record.datadir(name)).collect();
    let (program, place) = (keeper.to_owned(), dir.to_owned());
    let owned = blocking(move || {
        for datadir in &datadirs {
            template.copy_to(datadir)?;
        }
        match ends {
            Ends::WithOwner => keeper::spawn_owned(&program, &place).map(Some),
            Ends::WhenTold => keeper::spawn_detached(&program, &place).map(|()| None),
        }
    })
    .await?;
    Ok(Topology { dir: dir.to_owned(), record: record.clone(), keeper: KeeperClient::new(dir), owned })
}

fn find_template(flavor: Flavor) -> Result<(Flavor, binaries::ServerProgram, Template), LabError> {
    let program = binaries::find(flavor)?;
    let template = Template::ensure(&program)?;
    Ok((flavor, program, template))
}

/// Runs `work` where blocking is allowed.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LabError> + Send + 'static,
) -> Result<T, LabError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(LabError::Refused(error.to_string())),
    }
}

fn free_port() -> Result<(u16, TcpListener), LabError> {
    let place = Path::new("127.0.0.1:0");
    let listener = TcpListener::bind("127.0.0.1:0").map_err(LabError::at(place))?;
    let port = listener.local_addr().map_err(LabError::at(place))?.port();
    Ok((port, listener))
}
