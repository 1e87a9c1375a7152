// Usher in Azure: the bus, a producer, a consumer for each line of infra/consumers.json, the vault, and whoever watches over
// them. docs/deploy.md goes through it step by step; main.bicepparam is a parameter file to begin with.
//
//   az deployment group create --resource-group usher --template-file infra/azure/main.bicep --parameters infra/azure/main.bicepparam
//
// It can be run again at any time, and changes only what is not as it says.

targetScope = 'resourceGroup'

@description('How far to go. foundation: what others stand on, the vault empty. access: roles on the vault\'s secrets and certificates, once they are there. services: everything.')
@allowed(['foundation', 'access', 'services'])
param stage string = 'services'

@description('Where everything is.')
param location string = resourceGroup().location

@description('Put on everything.')
param tags object = { application: 'usher' }

@description('The end of the names that must be unique in the world.')
@minLength(5)
@maxLength(13)
param suffix string = uniqueString(resourceGroup().id)

// What runs

@description('The external tenant that customers sign up in.')
param entraTenantId string

@description('The app registrations in that tenant, by service: their client ids. Each has a certificate in the vault.')
param registrations object

@description('Settings by service, and in it by their names in the environment (README, Run it for real). They win over what stands here. No secret belongs here: those of infra/azure/services.json come from the vault.')
param settings object

@description('Files by service, and in it by the setting that names them: what is in the file.')
param files object = {}

@description('Consumers of infra/consumers.json that are left out. They get no subscription either: one without a consumer would fill the topic.')
param without array = []

@description('The version of the images: their tag.')
param version string

@description('Other versions for single services, while they are upgraded one by one.')
param versions object = {}

@description('The names of the certificates, for services whose certificate has another name than usher-SERVICE.')
param certificates object = {}

@description('How many producers there are: one of them works, a second one stands by and takes over within a minute.')
@allowed([1, 2])
param producerReplicas int = 1

@description('If given, the producer is no app but a job that asks once and ends, started by this cron expression (UTC), such as */5 * * * *.')
param producerSchedule string = ''

@description('Replicas of a consumer, at least. With 0 it sleeps while nothing waits for it, and is woken within half a minute.')
@minValue(0)
param minReplicas int = 1

@description('Replicas of a consumer, at most. They share the vendors\' quotas: each gets its part of what services.json grants.')
@minValue(1)
param maxReplicas int = 2

@description('So many messages that wait call for one more replica.')
param messagesPerReplica int = 200

@description('What a replay job is told besides, such as --rate and 5/s.')
param replayArguments array = []

@description('What a backfill job is told.')
param backfillArguments array = ['--since', '7d']

@description('The image of the OpenTelemetry Collector, the contrib distribution. Empty: none, and with it no traces, no metrics and no alerts that wait for them.')
param collectorImage string = 'docker.io/otel/opentelemetry-collector-contrib:0.144.0'

@description('Whether every trace is kept, at once; otherwise those that tell something, once they are over (infra/collector.yaml).')
param everyTrace bool = false

// How large, and how seen

@description('How large the topic may become. Standard takes 1024 to 5120, Premium up to 81920.')
param topicMegabytes int = 5120

@description('How the checkpoint is stored: Standard_ZRS where the region has zones.')
param storageSku string = 'Standard_LRS'

@description('For how long logs, traces and metrics are kept, in days.')
@minValue(30)
param retentionInDays int = 31

@description('The most of them that is taken in a day, in GB; -1: as much as comes.')
param dailyQuotaGb int = -1

@description('Who is told when something is wrong.')
param alertEmails array = []

@description('So many messages on the topic, over an hour without a pause, are too many.')
param backlog int = 1000

// Who may come near

@description('Object id of the group (or user) of operators; none unless given.')
param operatorsId string = ''

@description('What that is.')
@allowed(['Group', 'User'])
param operatorsType string = 'Group'

@description('Whether bus, vault, storage and registry are reached from a virtual network alone. Makes the bus and the registry Premium.')
param privateNetworking bool = false

@description('The addresses of that network, a /16.')
param addressPrefix string = '10.90.0.0/16'

@description('With it: networks (203.0.113.0/24) from which operators reach them all the same.')
param operatorNetworks array = []

var topicName = 'user-signups'
var isPublic = !privateNetworking

// The one list of consumers, and what each service needs: its secrets in the vault, and what the vendors grant all of its
// replicas together.
var listed = loadJsonContent('../consumers.json')
var needs = loadJsonContent('services.json')
var nothing = { registration: false, quotas: {}, secrets: {}, secretFiles: {} }
var consumers = filter(map(listed, consumer => consumer.name), name => !contains(without, name))
var names = concat(['producer'], consumers)
var services = [
  for name in names: union(nothing, needs[?name] ?? {}, {
    name: name
    certificate: (needs[?name].?registration ?? false) || contains(registrations, name)
      ? (certificates[?name] ?? 'usher-${name}')
      : ''
    version: versions[?name] ?? version
    settings: settings[?name] ?? {}
    files: files[?name] ?? {}
  })
]

resource identities 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = [
  for name in names: {
    name: 'usher-${name}'
    location: location
    tags: tags
  }
]

// Pulls the images, for all of them; no container can be it.
resource puller 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'usher-pull'
  location: location
  tags: tags
}

module network 'modules/network.bicep' = if (privateNetworking) {
  name: 'network'
  params: {
    location: location
    tags: tags
    name: 'usher'
    addressPrefix: addressPrefix
  }
}

module observability 'modules/observability.bicep' = {
  name: 'observability'
  params: {
    location: location
    tags: tags
    name: 'usher'
    retentionInDays: retentionInDays
    dailyQuotaGb: dailyQuotaGb
  }
}

module bus 'modules/bus.bicep' = {
  name: 'bus'
  params: {
    location: location
    tags: tags
    name: 'usher-${suffix}'
    isPremium: privateNetworking
    topicName: topicName
    topicMegabytes: topicMegabytes
    isPublic: isPublic
    operatorNetworks: operatorNetworks
  }
}

module vault 'modules/vault.bicep' = {
  name: 'vault'
  params: {
    location: location
    tags: tags
    name: 'usher-${suffix}'
    isPublic: isPublic
    operatorNetworks: operatorNetworks
  }
}

module checkpoint 'modules/checkpoint.bicep' = {
  name: 'checkpoint'
  params: {
    location: location
    tags: tags
    name: 'usher${suffix}'
    sku: storageSku
    isPublic: isPublic
    operatorNetworks: operatorNetworks
  }
}

module registry 'modules/registry.bicep' = {
  name: 'registry'
  params: {
    location: location
    tags: tags
    name: 'usher${suffix}'
    isPremium: privateNetworking
    isPublic: isPublic
    operatorNetworks: operatorNetworks
    pullPrincipalId: puller.properties.principalId
  }
}

module busEndpoint 'modules/private-endpoint.bicep' = if (privateNetworking) {
  name: 'bus-endpoint'
  params: {
    location: location
    tags: tags
    name: 'usher-bus'
    subnetId: network.?outputs.?endpointsSubnetId ?? ''
    targetId: bus.outputs.id
    groupId: 'namespace'
    zoneId: network.?outputs.?busZoneId ?? ''
  }
}

module vaultEndpoint 'modules/private-endpoint.bicep' = if (privateNetworking) {
  name: 'vault-endpoint'
  params: {
    location: location
    tags: tags
    name: 'usher-vault'
    subnetId: network.?outputs.?endpointsSubnetId ?? ''
    targetId: vault.outputs.id
    groupId: 'vault'
    zoneId: network.?outputs.?vaultZoneId ?? ''
  }
}

module blobEndpoint 'modules/private-endpoint.bicep' = if (privateNetworking) {
  name: 'blob-endpoint'
  params: {
    location: location
    tags: tags
    name: 'usher-blob'
    subnetId: network.?outputs.?endpointsSubnetId ?? ''
    targetId: checkpoint.outputs.id
    groupId: 'blob'
    zoneId: network.?outputs.?blobZoneId ?? ''
  }
}

module registryEndpoint 'modules/private-endpoint.bicep' = if (privateNetworking) {
  name: 'registry-endpoint'
  params: {
    location: location
    tags: tags
    name: 'usher-registry'
    subnetId: network.?outputs.?endpointsSubnetId ?? ''
    targetId: registry.outputs.id
    groupId: 'registry'
    zoneId: network.?outputs.?registryZoneId ?? ''
  }
}

module hosting 'modules/environment.bicep' = {
  name: 'environment'
  params: {
    location: location
    tags: tags
    name: 'usher'
    workspaceId: observability.outputs.workspaceId
    subnetId: network.?outputs.?appsSubnetId ?? ''
  }
}

// One after the other: Service Bus refuses changes of one topic at the same time.
@batchSize(1)
module subscriptions 'modules/subscription.bicep' = [
  for (name, index) in consumers: {
    name: 'subscription-${name}'
    params: {
      namespaceName: bus.outputs.name
      topicName: topicName
      name: name
      principalId: identities[index + 1].properties.principalId
    }
  }
]

module producerAccess 'modules/producer-access.bicep' = {
  name: 'producer-access'
  params: {
    namespaceName: bus.outputs.name
    topicName: topicName
    storageAccountName: checkpoint.outputs.name
    containerName: checkpoint.outputs.container
    principalId: identities[0].properties.principalId
  }
}

module operators 'modules/operators.bicep' = if (!empty(operatorsId)) {
  name: 'operators'
  params: {
    principalId: operatorsId
    principalType: operatorsType
    vaultName: vault.outputs.name
    registryName: registry.outputs.name
    namespaceName: bus.outputs.name
    topicName: topicName
    storageAccountName: checkpoint.outputs.name
  }
}

module vaultAccess 'modules/vault-access.bicep' = [
  for (name, index) in names: if (stage != 'foundation') {
    name: 'vault-access-${name}'
    params: {
      vaultName: vault.outputs.name
      principalId: identities[index].properties.principalId
      secrets: map(items(union(services[index].secrets, services[index].secretFiles)), secret => secret.value)
      certificate: services[index].certificate
    }
  }
]

module collector 'modules/collector.bicep' = if (stage == 'services' && !empty(collectorImage)) {
  name: 'collector'
  params: {
    location: location
    tags: tags
    name: 'usher-collector'
    environmentId: hosting.outputs.id
    image: collectorImage
    everyTrace: everyTrace
    insightsName: observability.outputs.insightsName
  }
}

module producer 'modules/producer.bicep' = if (stage == 'services') {
  name: 'producer'
  params: {
    location: location
    tags: tags
    environmentId: hosting.outputs.id
    registry: registry.outputs.server
    version: services[0].version
    pullIdentityId: puller.id
    identityName: identities[0].name
    vaultUri: vault.outputs.uri
    namespaceHost: bus.outputs.host
    topicName: topicName
    checkpointUrl: checkpoint.outputs.url
    entraTenantId: entraTenantId
    entraClientId: registrations.producer
    certificate: services[0].certificate
    otlpEndpoint: collector.?outputs.?endpoint ?? ''
    settings: services[0].settings
    secrets: services[0].secrets
    secretFiles: services[0].secretFiles
    files: services[0].files
    replicas: producerReplicas
    schedule: producerSchedule
    backfillArguments: backfillArguments
  }
  dependsOn: [producerAccess, vaultAccess, busEndpoint, vaultEndpoint, blobEndpoint, registryEndpoint]
}

module consumer 'modules/consumer.bicep' = [
  for (name, index) in consumers: if (stage == 'services') {
    name: 'consumer-${name}'
    params: {
      name: name
      location: location
      tags: tags
      environmentId: hosting.outputs.id
      registry: registry.outputs.server
      version: services[index + 1].version
      pullIdentityId: puller.id
      identityName: identities[index + 1].name
      vaultUri: vault.outputs.uri
      namespaceName: bus.outputs.name
      namespaceHost: bus.outputs.host
      topicName: topicName
      entraTenantId: entraTenantId
      entraClientId: registrations[?name] ?? ''
      certificate: services[index + 1].certificate
      otlpEndpoint: collector.?outputs.?endpoint ?? ''
      quotas: services[index + 1].quotas
      settings: services[index + 1].settings
      secrets: services[index + 1].secrets
      secretFiles: services[index + 1].secretFiles
      files: services[index + 1].files
      minReplicas: minReplicas
      maxReplicas: maxReplicas
      messagesPerReplica: messagesPerReplica
      replayArguments: replayArguments
    }
    dependsOn: [subscriptions, vaultAccess, busEndpoint, vaultEndpoint, registryEndpoint]
  }
]

module alerts 'modules/alerts.bicep' = if (stage == 'services') {
  name: 'alerts'
  params: {
    location: location
    tags: tags
    workspaceId: observability.outputs.workspaceId
    namespaceId: bus.outputs.id
    topicName: topicName
    topicMegabytes: topicMegabytes
    consumers: consumers
    hasMetrics: !empty(collectorImage)
    areAlwaysThere: minReplicas > 0
    emails: alertEmails
    backlog: backlog
  }
}

@description('The vault that certificates and secrets are put into.')
output vaultName string = vault.outputs.name

@description('SERVICEBUS_NAMESPACE, for an operator\'s command line.')
output serviceBusNamespace string = bus.outputs.host

@description('CHECKPOINT, for the same.')
output checkpointUrl string = checkpoint.outputs.url

@description('Where images are pushed to.')
output registryName string = registry.outputs.name

@description('The same, as images are named.')
output registryServer string = registry.outputs.server

@description('What has to be in the vault before the stage `access`: secrets, and certificates.')
output vaultSecrets array = flatten(map(services, service => map(items(union(service.secrets, service.secretFiles)), secret => secret.value)))
output vaultCertificates array = filter(map(services, service => service.certificate), certificate => !empty(certificate))
