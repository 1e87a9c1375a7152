// The vault: vendors' keys, and the certificates as which services are known to Entra. Certificates and secrets are put into
// it by an operator and never by this template: nothing secret passes through a deployment (docs/deploy.md).

param location string
param tags object
param name string
@description('Whether anybody can reach it who is not in the virtual network; roles decide all the same.')
param isPublic bool
@description('Networks from which operators may reach it although it is not public.')
param operatorNetworks array

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: subscription().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    enablePurgeProtection: true
    publicNetworkAccess: isPublic || !empty(operatorNetworks) ? 'Enabled' : 'Disabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: isPublic ? 'Allow' : 'Deny'
      ipRules: map(operatorNetworks, network => { value: network })
    }
  }
}

output id string = vault.id
output name string = vault.name
output uri string = vault.properties.vaultUri
