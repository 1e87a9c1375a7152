// What operators may: put secrets and certificates into the vault, push images, and look through and mend dead letters. Not:
// change what is deployed, or read a vendor's key as a service.

param principalId string
@allowed(['Group', 'User'])
param principalType string
param vaultName string
param registryName string
param namespaceName string
param topicName string
param storageAccountName string

// Key Vault Secrets Officer, Key Vault Certificates Officer, Key Vault Crypto User: the last so that `usher doctor` can sign in
// as a service would.
var onVault = [
  'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'
  'a4417e6f-fecd-4de8-b567-7b0420556985'
  '12338af0-0e69-4776-bea7-57ae8d297424'
]
// Azure Service Bus Data Receiver, to look through dead letters; Azure Service Bus Data Sender, to send a corrected copy.
var onTopic = ['4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0', '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39']
var acrPush = '8311e382-0749-4cb8-b61a-304f252e45ec' // AcrPush
var blobDataReader = '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1' // Storage Blob Data Reader

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' existing = {
  name: vaultName
}

resource registry 'Microsoft.ContainerRegistry/registries@2025-04-01' existing = {
  name: registryName
}

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: storageAccountName
}

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' existing = {
  name: namespaceName

  resource topic 'topics' existing = {
    name: topicName
  }
}

resource keepVault 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in onVault: {
    scope: vault
    name: guid(vault.id, principalId, role)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
      principalId: principalId
      principalType: principalType
    }
  }
]

resource mendLetters 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in onTopic: {
    scope: namespace::topic
    name: guid(namespace::topic.id, principalId, role)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
      principalId: principalId
      principalType: principalType
    }
  }
]

resource pushImages 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: registry
  name: guid(registry.id, principalId, acrPush)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', acrPush)
    principalId: principalId
    principalType: principalType
  }
}

resource seeCheckpoint 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: account
  name: guid(account.id, principalId, blobDataReader)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobDataReader)
    principalId: principalId
    principalType: principalType
  }
}
