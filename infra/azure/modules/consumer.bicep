// One consumer: the app that acts on sign-ups as they come, and the job that replays its dead letters. Both are the same
// image and the same settings, with the consumer's own identity and secrets.

@description('The consumer\'s name, and that of its subscription.')
param name string
param location string
param tags object
param environmentId string
param registry string
param version string
param pullIdentityId string
@description('The name of the identity that the consumer has in Azure.')
param identityName string
param vaultUri string
param namespaceName string
param namespaceHost string
param topicName string
param entraTenantId string
@description('Its app registration in that tenant; none unless it works with users or groups.')
param entraClientId string
@description('The name of that registration\'s certificate.')
param certificate string
param otlpEndpoint string
@description('What the vendors grant, by the settings that bound it.')
param quotas object
@description('Settings that the deployment chooses; they win.')
param settings object
param secrets object
param secretFiles object
param files object
param minReplicas int
param maxReplicas int
param messagesPerReplica int
param replayArguments array

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

// A vendor's quota is one for all replicas, and a replay that runs beside them counts as one more.
var shares = maxReplicas + 1
var image = '${registry}/usher-${name}:${version}'

// Who is said twice counts as it is said last.
var chosen = union(
  {
    SERVICEBUS_NAMESPACE: namespaceHost
    SERVICEBUS_TOPIC: topicName
    SERVICEBUS_SUBSCRIPTION: name
    ENTRA_TENANT_ID: entraTenantId
    AZURE_CLIENT_ID: identity.properties.clientId
    OTEL_EXPORTER_OTLP_ENDPOINT: otlpEndpoint
  },
  empty(certificate)
    ? {}
    : {
        ENTRA_CLIENT_ID: entraClientId
        ENTRA_KEYVAULT_CERTIFICATE: '${vaultUri}certificates/${certificate}'
      },
  toObject(items(quotas), quota => quota.key, quota => max(1, quota.value / shares)),
  settings
)

module app 'app.bicep' = {
  name: 'app-${name}'
  params: {
    name: 'usher-${name}'
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
    minReplicas: minReplicas
    maxReplicas: maxReplicas
    scaleRules: [
      {
        name: 'subscription'
        // Messages that are in hand count as waiting: a consumer that holds some is never put to sleep.
        custom: {
          type: 'azure-servicebus'
          metadata: {
            namespace: namespaceName
            topicName: topicName
            subscriptionName: name
            messageCount: string(messagesPerReplica)
          }
          identity: identity.id
        }
      }
    ]
  }
}

// az containerapp job start --name usher-replay-NAME. Four hours: with a million dead letters a replay took three minutes
// (docs/runbook.md), and the rest is for a vendor that has to be asked slowly.
module replay 'job.bicep' = {
  name: 'replay-${name}'
  params: {
    name: 'usher-replay-${name}'
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
    arguments: concat(['replay'], replayArguments)
    timeoutSeconds: 14400
  }
}
