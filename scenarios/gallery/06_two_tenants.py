"""Two rival tenants: does the wall hold through a migration and two attacks?"""
import tvdsim as tvd

s = tvd.Scenario("two-tenants", seed=7)

# Policy (sHype): same type to talk (STE), rival types never on one host (Chinese Wall).
acme = s.label("acme", ste={"acme"}, cw={"acme"})
bolt = s.label("bolt", ste={"bolt"}, cw={"bolt"})
s.conflict("rivals", "acme", "bolt")

# Hardware: four hosts with TPMs and a verifier on one switch; one VLAN per tenant.
hosts = s.hosts("h[1-4]", cores=32, memory="128 GiB", tpm="2.0")
verifier = s.host("verifier")
s.switch("tor", links=[*hosts, verifier], rate="10 Gbit/s", latency="20 us")
s.vlan(10, label=acme)
s.vlan(20, label=bolt)

# Guests, each with a vTPM rooted in its host's TPM and measured by IMA.
a = s.vms("acme[1-4]", label=acme, vlan=10, on=hosts[:2], memory="4 GiB", vtpm=True)
b = s.vms("bolt[1-4]", label=bolt, vlan=20, on=hosts[2:], memory="4 GiB", vtpm=True)

# The story. Actions are values: print them, store them, sweep them.
s.traffic(tvd.Poisson("200 /s"), size="8 KiB", among=a)
s.every("30 s", tvd.Attest(a + b, verifier=verifier))
s.at("60 s", tvd.Migrate(a[0], to=hosts[1]))
s.at("90 s", tvd.Migrate(a[1], to=hosts[3]))  # bolt runs there: must be refused
s.at("120 s", tvd.attacks.TamperFile(b[0], "/usr/sbin/sshd"))
s.at("150 s", tvd.attacks.VlanHop(b[1], into=10))

run = s.run(until="5 min", out="runs/two-tenants")
print(run)  # one screen: decisions, detections, checks that did not apply
denied = run.decisions.query("verdict == 'deny'")  # a pandas.DataFrame
print(denied[["time_s", "hook", "subject", "object", "rule"]])
print(run.explain(denied.index[0]))  # why, rule by rule
run.plot.timeline().savefig("runs/two-tenants/timeline.svg")
run.export("pcap", "chrome", "paje")
