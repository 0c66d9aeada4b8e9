"""Fields of Calico's FelixConfiguration that dnsguard does not act on: those it keeps, and those it refuses."""

from collections.abc import Mapping

_LINUX = "dnsguard runs on Linux only"
_NO_QUEUE = "dnsguard queues no packets: it holds the DNS answer until its addresses are open"
_NO_LOG = "dnsguard writes no such log"
_RETURNS = "an Allow ends the rules of dnsguard only, and the host's own rules come after it either way"
_OWN_STATE = "dnsguard keeps what it learned in its own state directory"

IDLE: Mapping[str, str] = {
    "bpfDNSPolicyMode": "dnsguard has no eBPF data plane",
    "dnsCacheFile": _OWN_STATE,
    "dnsPolicyNfqueueID": _NO_QUEUE,
    "dnsPolicyNfqueueSize": _NO_QUEUE,
    "dnsPacketsNfqueueID": _NO_QUEUE,
    "dnsPacketsNfqueueSize": _NO_QUEUE,
    "dnsLogsFileEnabled": _NO_LOG,
    "dnsLogsFileDirectory": _NO_LOG,
    "dnsLogsFileMaxFiles": _NO_LOG,
    "dnsLogsFileMaxFileSizeMB": _NO_LOG,
    "dnsLogsFlushInterval": _NO_LOG,
    "dnsLogsFileAggregationKind": _NO_LOG,
    "dnsLogsFileIncludeLabels": _NO_LOG,
    "dnsLogsFilePerNodeLimit": _NO_LOG,
    "dnsLogsLatency": _NO_LOG,
    "nftablesFilterAllowAction": _RETURNS,
    "nftablesMangleAllowAction": _RETURNS,
    "windowsDnsCacheFile": _LINUX,
    "windowsDnsExtraTTL": _LINUX,
}
"""Field that is kept and has no effect → why."""

INSTEAD: Mapping[str, str] = {
    "interfacePrefix": "set workload_interfaces in dnsguard's own configuration",
    "iptablesFilterAllowAction": "write nftablesFilterAllowAction",
    "iptablesFilterDenyAction": "write nftablesFilterDenyAction",
    "iptablesMangleAllowAction": "write nftablesMangleAllowAction",
    "nodeSelector": "write an object named node. and the name of the node",
    "prometheusMetricsHost": "set health_listen in dnsguard's own configuration",
    "prometheusMetricsPort": "set health_listen in dnsguard's own configuration",
}
"""Field that dnsguard does not have → what it has in its place."""

OTHERS = frozenset(
    """
    allowIPIPPacketsFromWorkloads allowVXLANPacketsFromWorkloads awsRequestTimeout awsSrcDstCheck
    bpfAttachType bpfConnectTimeLoadBalancing bpfConnectTimeLoadBalancingEnabled bpfConntrackMode bpfConntrackTimeouts
    bpfDataIfacePattern bpfDisableUnprivileged bpfEnabled bpfEnforceRPF bpfExtToServiceConnmark bpfExternalServiceMode
    bpfHostConntrackBypass bpfHostNetworkedNATWithoutCTLB bpfKubeProxyIptablesCleanupEnabled bpfKubeProxyMinSyncPeriod
    bpfL3IfacePattern bpfLogFilters bpfLogLevel bpfMapSizeConntrack bpfMapSizeIPSets bpfMapSizeNATBackend
    bpfMapSizeNATFrontend bpfMapSizeRoute bpfPSNATPorts bpfPolicyDebugEnabled chainInsertMode dataplaneDriver
    dataplaneWatchdogTimeout debugDisableLogDropping debugMemoryProfilePath deviceRouteProtocol
    deviceRouteSourceAddress deviceRouteSourceAddressIPv6 disableConntrackInvalidCheck egressIPSupport
    endpointReportingDelay endpointReportingEnabled endpointStatusPathPrefix externalNodesList featureDetectOverride
    featureGates floatingIPs flowLogsCollectorDebugTrace flowLogsFileEnabled flowLogsFlushInterval
    flowLogsGoldmaneServer flowLogsLocalReporter flowLogsPolicyEvaluationMode genericXDPEnabled goGCThreshold
    goMaxProcs goMemoryLimitMB healthEnabled healthHost healthPort healthTimeoutOverrides interfaceExclude
    interfaceRefreshInterval ipForwarding ipipEnabled ipipMTU ipsetsRefreshInterval iptablesBackend
    iptablesLockProbeInterval iptablesLockTimeout iptablesMarkMask iptablesNATOutgoingInterfaceFilter
    iptablesPostWriteCheckInterval iptablesRefreshInterval ipv6Support kubeNodePortRanges l7LogsFileEnabled
    logActionRateLimit logActionRateLimitBurst logDebugFilenameRegex logFilePath logPrefix logSeverityFile
    logSeverityScreen logSeveritySys maxIpsetSize metadataAddr metadataPort mtuIfacePattern natOutgoingAddress
    natPortRange netlinkTimeout nftablesMarkMask nftablesMode nftablesRefreshInterval openstackRegion
    policySyncPathPrefix prometheusGoMetricsEnabled prometheusMetricsEnabled prometheusProcessMetricsEnabled
    prometheusWireGuardMetricsEnabled removeExternalRoutes reportingInterval reportingTTL routeRefreshInterval
    routeSource routeSyncDisabled routeTableRange routeTableRanges serviceLoopPrevention sidecarAccelerationEnabled
    tproxyMode usageReportingEnabled usageReportingInitialDelay usageReportingInterval useInternalDataplaneDriver
    vxlanEnabled vxlanMTU vxlanMTUV6 vxlanPort vxlanVNI windowsManageFirewallRules wireguardEnabled
    wireguardEnabledV6 wireguardHostEncryptionEnabled wireguardInterfaceName wireguardKeepAlive wireguardListeningPort
    wireguardMTU wireguardRoutingRulePriority workloadSourceSpoofing xdpEnabled xdpRefreshInterval
    """.split()  # noqa: SIM905 - 150 lines otherwise
)
"""Further fields that dnsguard does not have."""

_REFUSED = {field.lower(): field for field in (*INSTEAD, *OTHERS)}


def unsupported(key: str) -> str | None:
    """Why a field of Calico's is refused here; None for one that Calico does not have either, as far as is known."""
    field = _REFUSED.get(key.lower())
    if field is None:
        return None
    instead = INSTEAD.get(field, "leave it out")
    return f"is a field of Calico's FelixConfiguration that dnsguard does not have: {instead}"
