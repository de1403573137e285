//! One open connection, whichever kind of Redis there is.

use futures_util::future::try_join_all;
use redis::aio::{AsyncPushSender, MultiplexedConnection};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, FromRedisValue, Pipeline, ProtocolVersion,
    RedisResult, TlsMode,
};
use tagalong_core::id::SessionId;

use super::address::Address;
use super::{ANSWER_DEADLINE, keys};

/// Clones share it. It does not reconnect after a failure.
#[derive(Clone)]
pub(super) enum Connection {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// Commands to be sent together: all in one pipeline, or in a cluster one for each slot.
pub(super) struct CommandBatch {
    by_slot: bool,
    pipelines: Vec<Pipeline>,
}

impl CommandBatch {
    /// The pipeline for commands whose keys are all in one slot.
    pub(super) fn group(&mut self) -> &mut Pipeline {
        if self.by_slot || self.pipelines.is_empty() {
            self.pipelines.push(Pipeline::new());
        }
        let last = self.pipelines.len() - 1;
        &mut self.pipelines[last]
    }

    /// How many commands there are.
    pub(super) fn len(&self) -> usize {
        self.pipelines.iter().map(Pipeline::len).sum()
    }
}

impl Connection {
    pub(super) async fn open(address: &Address, push: impl AsyncPushSender) -> RedisResult<Self> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(ANSWER_DEADLINE))
            .set_response_timeout(Some(ANSWER_DEADLINE));
        match address {
            Address::Server(server) => {
                let client = Client::open(ConnectionInfo::clone(server))?;
                let config = config.set_push_sender(push);
                Ok(Self::Server(client.get_multiplexed_async_connection_with_config(&config).await?))
            }
            Address::Sentinel { sentinels, master, server } => {
                let mut client = sentinel(sentinels, master, server)?;
                let config = config.set_push_sender(push);
                Ok(Self::Server(client.get_async_connection_with_config(&config).await?))
            }
            Address::Cluster(nodes) => {
                let client = ClusterClientBuilder::new(nodes.clone())
                    .use_protocol(ProtocolVersion::RESP3)
                    .connection_timeout(ANSWER_DEADLINE)
                    .response_timeout(ANSWER_DEADLINE)
                    .overall_response_timeout(Some(ANSWER_DEADLINE))
                    .retries(1)
                    .push_sender(push)
                    .build()?;
                Ok(Self::Cluster(client.get_async_connection().await?))
            }
        }
    }

    /// The command that writes into a channel.
    pub(super) fn publish(&self) -> &'static str {
        match self {
            Self::Server(_) => "PUBLISH",
            // Sent to the slot's own node only, not to the whole cluster.
            Self::Cluster(_) => "SPUBLISH",
        }
    }

    pub(super) fn batch(&self) -> CommandBatch {
        CommandBatch { by_slot: matches!(self, Self::Cluster(_)), pipelines: Vec::new() }
    }

    /// Sends a batch, and ignores its answers.
    pub(super) async fn send(&self, batch: CommandBatch) -> RedisResult<()> {
        let each = batch.pipelines.into_iter().map(|pipeline| self.ask::<()>(pipeline));
        try_join_all(each).await.map(|_| ())
    }

    /// Sends commands whose keys are all in one slot, and waits for what they answer.
    pub(super) async fn ask<T: FromRedisValue>(&self, pipeline: Pipeline) -> RedisResult<T> {
        match self.clone() {
            Self::Server(mut connection) => pipeline.query_async(&mut connection).await,
            Self::Cluster(mut connection) => pipeline.query_async(&mut connection).await,
        }
    }

    /// The time of Redis, in milliseconds since 1970.
    pub(super) async fn time(&self) -> RedisResult<i64> {
        let mut pipeline = Pipeline::new();
        pipeline.cmd("TIME");
        let [(seconds, micros)]: [(i64, i64); 1] = self.ask(pipeline).await?;
        Ok(seconds.saturating_mul(1_000).saturating_add(micros / 1_000))
    }

    pub(super) async fn subscribe(&self, sessions: &[SessionId]) -> RedisResult<()> {
        self.each_or_all(sessions, true).await
    }

    pub(super) async fn unsubscribe(&self, sessions: &[SessionId]) -> RedisResult<()> {
        self.each_or_all(sessions, false).await
    }

    async fn each_or_all(&self, sessions: &[SessionId], to_hear: bool) -> RedisResult<()> {
        let channels: Vec<String> = sessions.iter().map(|session| keys::channel(*session)).collect();
        if channels.is_empty() {
            return Ok(());
        }
        match self.clone() {
            Self::Server(mut connection) if to_hear => connection.subscribe(channels).await,
            Self::Server(mut connection) => connection.unsubscribe(channels).await,
            Self::Cluster(connection) => {
                let each = channels.into_iter().map(|channel| {
                    let mut connection = connection.clone();
                    async move {
                        if to_hear {
                            connection.ssubscribe(channel).await
                        } else {
                            connection.sunsubscribe(channel).await
                        }
                    }
                });
                try_join_all(each).await.map(|_| ())
            }
        }
    }
}

fn sentinel(
    sentinels: &[ConnectionAddr],
    master: &str,
    server: &ConnectionInfo,
) -> RedisResult<redis::sentinel::SentinelClient> {
    let settings = server.redis_settings();
    let mut builder =
        SentinelClientBuilder::new(sentinels.iter().cloned(), master, SentinelServerType::Master)?
            .set_client_to_redis_protocol(ProtocolVersion::RESP3)
            .set_client_to_redis_db(settings.db());
    if matches!(server.addr(), ConnectionAddr::TcpTls { .. }) {
        builder = builder
            .set_client_to_redis_tls_mode(TlsMode::Secure)
            .set_client_to_sentinel_tls_mode(TlsMode::Secure);
    }
    if let Some(username) = settings.username() {
        builder = builder.set_client_to_redis_username(username);
    }
    if let Some(password) = settings.password() {
        builder = builder.set_client_to_redis_password(password);
    }
    builder.build()
}
