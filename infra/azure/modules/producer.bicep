// The producer: an app that watches the audit log, or a job by the clock that asks it once; and the job that brings in the
// past. All of them share one checkpoint.

param location string
param tags object
param environmentId string
param registry string
param version string
param pullIdentityId string
@description('The name of the identity that the producer has in Azure.')
param identityName string
param vaultUri string
param namespaceHost string
param topicName string
param checkpointUrl string
param entraTenantId string
param entraClientId string
@description('The name of the registration\'s certificate.')
param certificate string
param otlpEndpoint string
@description('Settings that the deployment chooses; they win.')
param settings object
param secrets object
param secretFiles object
param files object
@description('One that works; a second one stands by.')
param replicas int
@description('If given, a job by this cron expression takes the app\'s place.')
param schedule string
param backfillArguments array

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

var image = '${registry}/usher-producer:${version}'

// Who is said twice counts as it is said last.
var chosen = union(
  {
    SERVICEBUS_NAMESPACE: namespaceHost
    SERVICEBUS_TOPIC: topicName
    CHECKPOINT: checkpointUrl
    ENTRA_TENANT_ID: entraTenantId
    ENTRA_CLIENT_ID: entraClientId
    ENTRA_KEYVAULT_CERTIFICATE: '${vaultUri}certificates/${certificate}'
    AZURE_CLIENT_ID: identity.properties.clientId
    OTEL_EXPORTER_OTLP_ENDPOINT: otlpEndpoint
  },
  settings
)

module app 'app.bicep' = if (empty(schedule)) {
  name: 'app-producer'
  params: {
    name: 'usher-producer'
    location: location
    tags: tags
    environmentId: environmentId
    image: image
    registry: registry
    pullIdentityId: pullIdentityId
    identityId: identity.id
    vaultUri: vaultUri
    settings: chosen
    secrets: secrets
    secretFiles: secretFiles
    files: files
    // While one revision takes another's place there is one more: the lease on the checkpoint says who works.
    minReplicas: replicas
    maxReplicas: replicas
    // Alive is enough: what an outage of Graph makes unready is no reason to keep an old revision.
    ready: '/healthz'
  }
}

module once 'job.bicep' = if (!empty(schedule)) {
  name: 'job-producer'
  params: {
    name: 'usher-producer-once'
    location: location
    tags: tags
    environmentId: environmentId
    image: image
    registry: registry
    pullIdentityId: pullIdentityId
    identityId: identity.id
    vaultUri: vaultUri
    settings: chosen
    secrets: secrets
    secretFiles: secretFiles
    files: files
    arguments: ['--once']
    schedule: schedule
    timeoutSeconds: 900
  }
}

// A day: it takes 2 of the log's 5 requests in 10 seconds (BACKFILL_REQUESTS), and goes on where it was when started again.
module backfill 'job.bicep' = {
  name: 'job-backfill'
  params: {
    name: 'usher-backfill'
    location: location
    tags: tags
    environmentId: environmentId
    image: image
    registry: registry
    pullIdentityId: pullIdentityId
    identityId: identity.id
    vaultUri: vaultUri
    settings: chosen
    secrets: secrets
    secretFiles: secretFiles
    files: files
    arguments: concat(['backfill'], backfillArguments)
    timeoutSeconds: 86400
  }
}
