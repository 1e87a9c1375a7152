// An address in the virtual network for something that is not reached from outside.

param location string
param tags object
param name string
param subnetId string
@description('What it leads to.')
param targetId string
@description('Which part of that: namespace, vault, blob or registry.')
param groupId string
@description('The private DNS zone that is to know it.')
param zoneId string

resource endpoint 'Microsoft.Network/privateEndpoints@2024-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    subnet: { id: subnetId }
    privateLinkServiceConnections: [
      {
        name: name
        properties: {
          privateLinkServiceId: targetId
          groupIds: [groupId]
        }
      }
    ]
  }

  resource names 'privateDnsZoneGroups' = {
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [{ name: groupId, properties: { privateDnsZoneId: zoneId } }]
    }
  }
}
