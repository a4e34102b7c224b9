"""The three servers behind the ports: RabbitMQ, Elasticsearch, MinIO."""

from typing import Self

from pydantic import AmqpDsn, Field, HttpUrl, SecretStr

from synthmill.errors import BrokerUnavailable, ObjectStoreUnavailable
from synthmill.settings import ElasticSettings, MinioSettings, RabbitSettings, Settings
from synthmill_flows.blocks.base import ServerBlock


class RabbitMQBroker(ServerBlock):
    """The broker that carries synthmill's jobs and generation requests."""

    _block_type_name = "Synthmill RabbitMQ"
    _block_type_slug = "synthmill-rabbitmq"

    url: SecretStr = Field(title="URL", description="amqp://USER:PASSWORD@HOST:5672/VHOST, or amqps:// for TLS")
    prefix: str = Field("", description="before queue names, for a shared broker")

    @classmethod
    def from_env(cls) -> Self:
        """SYNTHMILL_RABBITMQ__…"""
        given = Settings().rabbitmq
        if given.url is None:
            raise BrokerUnavailable("SYNTHMILL_RABBITMQ__URL is not set")
        return cls(url=SecretStr(str(given.url)), prefix=given.prefix)

    def settings(self) -> RabbitSettings:
        """As synthmill's own services take them."""
        return RabbitSettings(url=AmqpDsn(self.url.get_secret_value()), prefix=self.prefix)

    async def check(self) -> None:
        """Opens a connection and a channel."""
        from synthmill.stack.rabbitmq.link import Link

        link = Link(self.settings(), "prefect block")
        try:
            async with link.passing_channel():
                return
        finally:
            await link.close()


class ElasticsearchStore(ServerBlock):
    """The record store: jobs, records, rejects, events."""

    _block_type_name = "Synthmill Elasticsearch"
    _block_type_slug = "synthmill-elasticsearch"

    url: HttpUrl = Field(HttpUrl("http://127.0.0.1:29200"), title="URL")
    api_key: SecretStr | None = Field(None, title="API key", description="none: the server asks for no key")
    prefix: str = Field("synthmill", description="before index names")

    @classmethod
    def from_env(cls) -> Self:
        """SYNTHMILL_ELASTICSEARCH__…"""
        given = Settings().elasticsearch
        return cls(url=given.url, api_key=given.api_key, prefix=given.prefix)

    def settings(self) -> ElasticSettings:
        """As synthmill's own services take them."""
        return ElasticSettings(url=self.url, api_key=self.api_key, prefix=self.prefix)

    async def check(self) -> None:
        """Asks which templates there are; synthmill's need not be."""
        from synthmill.stack.elastic.client import ElasticClient

        client = ElasticClient(self.settings())
        try:
            await client.template_versions(f"{self.prefix}-*")
        finally:
            await client.close()


class MinioBucket(ServerBlock):
    """The object store of uploads and exports: MinIO, or anything that speaks S3."""

    _block_type_name = "Synthmill MinIO bucket"
    _block_type_slug = "synthmill-minio"

    endpoint: str = Field("127.0.0.1:29000", pattern=r"^[^/\s]+$", description="host:port")
    tls: bool = False
    access_key: SecretStr = Field(title="Access key")
    secret_key: SecretStr = Field(title="Secret key")
    bucket: str = Field("synthmill", pattern=r"^[a-z0-9][a-z0-9.-]{2,62}$")

    @classmethod
    def from_env(cls) -> Self:
        """SYNTHMILL_MINIO__…"""
        given = Settings().minio
        if given.access_key is None or given.secret_key is None:
            raise ObjectStoreUnavailable("SYNTHMILL_MINIO__ACCESS_KEY and SYNTHMILL_MINIO__SECRET_KEY are not set")
        return cls(
            endpoint=given.endpoint,
            tls=given.tls,
            access_key=given.access_key,
            secret_key=given.secret_key,
            bucket=given.bucket,
        )

    def settings(self) -> MinioSettings:
        """As synthmill's own services take them; what the block does not say is as in the environment."""
        own = {name: getattr(self, name) for name in ("endpoint", "tls", "access_key", "secret_key", "bucket")}
        return Settings().minio.model_copy(update=own)

    async def check(self) -> None:
        """Lists a prefix of the bucket."""
        from synthmill.stack.objects import MinioObjectStore

        store = MinioObjectStore(self.settings())
        try:
            async for _ in store.list("tmp/_check/"):
                return
        finally:
            await store.close()
