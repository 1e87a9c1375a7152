// Where the producer keeps its memory: one blob, under a lease while a producer works. Without keys: roles alone decide.

param location string
param tags object
param name string
@description('Standard_ZRS where the region has zones: without its checkpoint the producer has to look back by itself.')
param sku string
param isPublic bool
@description('Networks from which operators may reach it although it is not public.')
param operatorNetworks array

var containerName = 'usher'

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: sku }
  kind: 'StorageV2'
  properties: {
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: isPublic || !empty(operatorNetworks) ? 'Enabled' : 'Disabled'
    networkAcls: {
      bypass: 'None'
      defaultAction: isPublic ? 'Allow' : 'Deny'
      ipRules: map(operatorNetworks, network => { value: network, action: 'Allow' })
    }
  }

  resource blobs 'blobServices' = {
    name: 'default'
    // No versions and no soft deletion: the blob is written anew after every poll, and each of them would be kept.
    properties: {
      isVersioningEnabled: false
      deleteRetentionPolicy: { enabled: false }
    }

    resource container 'containers' = {
      name: containerName
      properties: { publicAccess: 'None' }
    }
  }
}

output id string = account.id
output name string = account.name
output container string = containerName
output url string = '${account.properties.primaryEndpoints.blob}${containerName}/producer.json'
