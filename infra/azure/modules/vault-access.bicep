// What one service may in the vault: read its own secrets, and sign with its own key, which never leaves the vault. The
// secrets and the certificate are there already.

param vaultName string
param principalId string
@description('The names of its secrets.')
param secrets array
@description('The name of its certificate; none unless given.')
param certificate string

var secretsUser = '4633458b-17de-408a-b874-0445c86b69e6' // Key Vault Secrets User
var cryptoUser = '12338af0-0e69-4776-bea7-57ae8d297424' // Key Vault Crypto User
var reader = '21090545-7ca7-4776-b22c-e363652d74d2' // Key Vault Reader

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' existing = {
  name: vaultName
}

resource secret 'Microsoft.KeyVault/vaults/secrets@2024-11-01' existing = [
  for name in secrets: {
    parent: vault
    name: name
  }
]

resource readSecret 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (name, index) in secrets: {
    scope: secret[index]
    name: guid(vault.id, 'secrets', name, principalId, secretsUser)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', secretsUser)
      principalId: principalId
      principalType: 'ServicePrincipal'
    }
  }
]

// A certificate's key has the certificate's name.
resource key 'Microsoft.KeyVault/vaults/keys@2024-11-01' existing = if (!empty(certificate)) {
  parent: vault
  name: empty(certificate) ? 'none' : certificate
}

resource sign 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(certificate)) {
  scope: key
  name: guid(vault.id, 'keys', certificate, principalId, cryptoUser)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', cryptoUser)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

// Names and dates of what is in the vault, certificates without their keys, and no secret: the resource manager knows no type
// for a certificate to which this could be narrowed.
resource readCertificate 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(certificate)) {
  scope: vault
  name: guid(vault.id, principalId, reader)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', reader)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}
