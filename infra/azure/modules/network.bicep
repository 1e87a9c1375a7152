// The virtual network of a private deployment, and the names by which private endpoints are found in it.

param location string
param tags object
param name string
@description('The network\'s addresses, a /16.')
param addressPrefix string

// Services have no names of their own in these zones: only a private endpoint's address does.
var zoneNames = {
  bus: 'privatelink.servicebus.windows.net'
  vault: 'privatelink.vaultcore.azure.net'
  blob: 'privatelink.blob.${environment().suffixes.storage}'
  registry: 'privatelink.azurecr.io'
}
var zoneList = items(zoneNames)

resource network 'Microsoft.Network/virtualNetworks@2024-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: [addressPrefix] }
    subnets: [
      {
        name: 'apps'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 23, 0)
          delegations: [
            { name: 'apps', properties: { serviceName: 'Microsoft.App/environments' } }
          ]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 24, 2)
          privateEndpointNetworkPolicies: 'Disabled'
        }
      }
    ]
  }

  resource apps 'subnets' existing = {
    name: 'apps'
  }

  resource endpoints 'subnets' existing = {
    name: 'endpoints'
  }
}

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for zone in zoneList: {
    name: zone.value
    location: 'global'
    tags: tags
  }
]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (zone, index) in zoneList: {
    parent: zones[index]
    name: name
    location: 'global'
    properties: {
      virtualNetwork: { id: network.id }
      registrationEnabled: false
    }
  }
]

output appsSubnetId string = network::apps.id
output endpointsSubnetId string = network::endpoints.id
output busZoneId string = resourceId('Microsoft.Network/privateDnsZones', zoneNames.bus)
output vaultZoneId string = resourceId('Microsoft.Network/privateDnsZones', zoneNames.vault)
output blobZoneId string = resourceId('Microsoft.Network/privateDnsZones', zoneNames.blob)
output registryZoneId string = resourceId('Microsoft.Network/privateDnsZones', zoneNames.registry)
