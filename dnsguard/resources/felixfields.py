"""Fields of Calico's FelixConfiguration that dnsguard does not act on: those it keeps, and those it refuses."""

from collections.abc import Mapping

_LINUX = "dnsguard runs on Linux only"
_NO_QUEUE = "dnsguard queues no packets: it holds the DNS answer until its addresses are open"
_RETURNS = "an Allow ends the rules of dnsguard only, and the host's own rules come after it either way"
_OWN_STATE = "dnsguard keeps what it learned in its own state directory"

IDLE: Mapping[str, str] = {
    "bpfDNSPolicyMode": "dnsguard has no eBPF data plane",
    "dnsCacheFile": _OWN_STATE,
    "dnsPolicyNfqueueID": _NO_QUEUE,
    "dnsPolicyNfqueueSize": _NO_QUEUE,
    "dnsPacketsNfqueueID": _NO_QUEUE,
    "dnsPacketsNfqueueSize": _NO_QUEUE,
    "dnsLogsFileDirectory": "dns_log_file of dnsguard's own configuration says where the DNS log is",
    "dnsLogsFlushInterval": "a query is in the DNS log as soon as it is answered",
    "dnsLogsFileAggregationKind": "nothing is aggregated in the DNS log: each query is a line",
    "dnsLogsFileIncludeLabels": "the DNS log names endpoints and policies, not labels",
    "dnsLogsFilePerNodeLimit": "the DNS log has a limit for each client, and none for the node",
    "dnsLogsLatency": "the DNS log always has latencies",
    "nftablesFilterAllowAction": _RETURNS,
    "nftablesMangleAllowAction": _RETURNS,
    "windowsDnsCacheFile": _LINUX,
    "windowsDnsExtraTTL": _LINUX,
}
"""Field that is kept and has no effect → why."""

# The line between what is kept and what is refused: leaving out a log, a counter, a timer or the tuning of another data
# plane changes no packet, and Calico writes such fields itself. Whoever sets one of the others counts on packets that
# are let through, dropped, encrypted, translated or routed by it, or on a program that is told; that is not ignored.

_LOGS = """
    debugDisableLogDropping flowLogsAggregationThresholdBytes flowLogsCollectProcessInfo flowLogsCollectProcessPath
    flowLogsCollectTcpStats flowLogsCollectorDebugTrace flowLogsDestDomainsByClient flowLogsDynamicAggregationEnabled
    flowLogsEnableHostEndpoint flowLogsEnableNetworkSets flowLogsFileAggregationKindForAllowed
    flowLogsFileAggregationKindForDenied flowLogsFileDirectory flowLogsFileDomainsLimit flowLogsFileEnabled
    flowLogsFileEnabledForAllowed flowLogsFileEnabledForDenied flowLogsFileIncludeLabels flowLogsFileIncludePolicies
    flowLogsFileIncludeService flowLogsFileMaxFileSizeMB flowLogsFileMaxFiles flowLogsFileNatOutgoingPortLimit
    flowLogsFilePerFlowProcessArgsLimit flowLogsFilePerFlowProcessLimit flowLogsFlushInterval flowLogsGoldmaneServer
    flowLogsLocalReporter flowLogsMaxOriginalIPsIncluded flowLogsPolicyEvaluationMode flowLogsPositionFilePath
    l7LogsFileEnabled logActionRateLimit logActionRateLimitBurst logDebugFilenameRegex logDropActionOverride logFilePath
    logPrefix logSeverityFile logSeverityScreen logSeveritySys
    """
_METRICS_AND_HEALTH = """
    dataplaneWatchdogTimeout debugMemoryProfilePath deletedMetricsRetentionSecs endpointReportingDelay
    endpointReportingEnabled healthEnabled healthHost healthPort healthTimeoutOverrides prometheusGoMetricsEnabled
    prometheusMetricsCAFile prometheusMetricsCertFile prometheusMetricsEnabled prometheusMetricsHost
    prometheusMetricsKeyFile prometheusMetricsPort prometheusProcessMetricsEnabled prometheusReporterCAFile
    prometheusReporterCertFile prometheusReporterEnabled prometheusReporterKeyFile prometheusReporterPort
    prometheusWireGuardMetricsEnabled reportingInterval reportingTTL statsDumpFilePath usageReportingEnabled
    usageReportingInitialDelay usageReportingInterval
    """
_TIMERS_AND_SIZES = """
    awsRequestTimeout goGCThreshold goMaxProcs goMemoryLimitMB interfaceRefreshInterval ipipMTU ipsetsRefreshInterval
    maxIpsetSize mtuIfacePattern netlinkTimeout routeRefreshInterval routeTableRange routeTableRanges vxlanMTU
    vxlanMTUV6 vxlanVNI
    """
_OTHER_DATA_PLANES = """
    bpfAttachType bpfCTLBLogFilter bpfConnectTimeLoadBalancing bpfConnectTimeLoadBalancingEnabled bpfConntrackLogLevel
    bpfConntrackMode bpfConntrackTimeouts bpfDSROptoutCIDRs bpfDataIfacePattern bpfDisableGROForIfaces
    bpfDisableUnprivileged bpfEnabled bpfExcludeCIDRsFromNAT bpfExtToServiceConnmark bpfExternalServiceMode
    bpfForceTrackPacketsFromIfaces bpfHostConntrackBypass bpfHostNetworkedNATWithoutCTLB
    bpfKubeProxyEndpointSlicesEnabled bpfKubeProxyIptablesCleanupEnabled bpfKubeProxyMinSyncPeriod bpfL3IfacePattern
    bpfLogFilters bpfLogLevel bpfMapSizeConntrack bpfMapSizeIPSets bpfMapSizeIfState bpfMapSizeNATAffinity
    bpfMapSizeNATBackend bpfMapSizeNATFrontend bpfMapSizeRoute bpfPSNATPorts bpfPolicyDebugEnabled bpfProfiling
    bpfRedirectToPeer dataplaneDriver featureDetectOverride floatingIPs genericXDPEnabled iptablesBackend
    iptablesLockFilePath iptablesLockProbeInterval iptablesLockTimeout iptablesMarkMask iptablesPostWriteCheckInterval
    iptablesRefreshInterval nftablesMarkMask nftablesMode nftablesRefreshInterval sidecarAccelerationEnabled
    useInternalDataplaneDriver windowsManageFirewallRules xdpEnabled xdpRefreshInterval
    """

KEPT = frozenset(f"{_LOGS} {_METRICS_AND_HEALTH} {_TIMERS_AND_SIZES} {_OTHER_DATA_PLANES}".split())
"""Fields that are kept as they are written, whatever stands in them, and have no effect."""

INSTEAD: Mapping[str, str] = {
    "interfacePrefix": "set workload_interfaces in dnsguard's own configuration",
    "iptablesFilterAllowAction": "write nftablesFilterAllowAction",
    "iptablesFilterDenyAction": "write nftablesFilterDenyAction",
    "iptablesMangleAllowAction": "write nftablesMangleAllowAction",
    "nodeSelector": "write an object named node. and the name of the node",
}
"""Field that dnsguard does not have → what it has in its place."""

OTHERS = frozenset(
    """
    awsSrcDstCheck bpfEnforceRPF chainInsertMode
    deviceRouteProtocol deviceRouteSourceAddress deviceRouteSourceAddressIPv6 disableConntrackInvalidCheck
    egressIPSupport endpointStatusPathPrefix externalNodesList featureGates interfaceExclude ipForwarding ipipEnabled
    iptablesNATOutgoingInterfaceFilter ipv6Support kubeNodePortRanges metadataAddr metadataPort natOutgoingAddress
    natPortRange openstackRegion policySyncPathPrefix removeExternalRoutes routeSource routeSyncDisabled
    serviceLoopPrevention tproxyMode vxlanEnabled vxlanPort wireguardEnabled wireguardEnabledV6
    wireguardHostEncryptionEnabled wireguardInterfaceName wireguardKeepAlive wireguardListeningPort wireguardMTU
    wireguardRoutingRulePriority workloadSourceSpoofing
    """.split()  # noqa: SIM905 - 40 lines otherwise
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
