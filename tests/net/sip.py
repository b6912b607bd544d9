"""Telephone calls by sipp: scenarios, and a call from one site to another. The called phone sends back what
it hears (-rtp_echo), so the caller's side hears its own voice after two ways."""
import pathlib
import subprocess
import time

from lab import LabError, tail

SIP, VOICE = 5060, 6000  # ports of the called phone
SIZE = 160  # octets of 20 ms G.711

HEAD = """      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      From: <sip:caller@[local_ip]:[local_port]>;tag=[pid]t[call_number]
      To: <sip:phone@[remote_ip]:[remote_port]>[peer_tag_param]
      Call-ID: [call_id]
      Contact: <sip:caller@[local_ip]:[local_port]>
      Max-Forwards: 70
"""
SDP = """      Content-Type: application/sdp
      Content-Length: [len]

      v=0
      o=- 1 1 IN IP4 MEDIA
      s=-
      c=IN IP4 MEDIA
      t=0 0
      m=audio PORT RTP/AVP 0
      a=rtpmap:0 PCMU/8000
"""
CALLER = f"""<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="caller">
  <send retrans="500"><![CDATA[
      INVITE sip:phone@[remote_ip]:[remote_port] SIP/2.0
{HEAD}      CSeq: 1 INVITE
{SDP.replace("MEDIA", "[media_ip]").replace("PORT", "[media_port]")}  ]]></send>
  <recv response="100" optional="true"></recv>
  <recv response="180" optional="true"></recv>
  <recv response="200"></recv>
  <send><![CDATA[
      ACK sip:phone@[remote_ip]:[remote_port] SIP/2.0
{HEAD}      CSeq: 1 ACK
      Content-Length: 0

  ]]></send>
  <nop><action><exec rtp_stream="VOICE,1,0"/></action></nop>
  <pause milliseconds="LASTS"/>
  <send retrans="500"><![CDATA[
      BYE sip:phone@[remote_ip]:[remote_port] SIP/2.0
{HEAD}      CSeq: 2 BYE
      Content-Length: 0

  ]]></send>
  <recv response="200"></recv>
</scenario>
"""
ANSWER = """  <send><![CDATA[
      SIP/2.0 CODE
      [last_Via:]
      [last_From:]
      [last_To:];tag=[pid]p[call_number]
      [last_Call-ID:]
      [last_CSeq:]
      Contact: <sip:phone@[local_ip]:[local_port]>
BODY  ]]></send>
"""
EMPTY = "      Content-Length: 0\n\n"


def answer(code, body=EMPTY):
    return ANSWER.replace("CODE", code).replace("BODY", body)


PHONE = f"""<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="phone">
  <recv request="INVITE"></recv>
{answer("180 Ringing")}{answer("200 OK", SDP)}  <recv request="ACK"></recv>
  <recv request="BYE"></recv>
{answer("200 OK").replace(";tag=[pid]p[call_number]", "")}</scenario>
"""


def address_of(paths, site, other):
    done = subprocess.run(paths.command_at(site.host, ["getent", "hosts", other.endpoint]), text=True,
                          env=paths.environment(), capture_output=True)
    if done.returncode != 0:
        raise LabError(f"{other.endpoint} does not resolve at {site.name}: {done.stderr}")
    return done.stdout.split()[0]


class Ears:
    """tcpdump on the loopback interface of a host, where programs and the agent meet: what the program there
    gets of voice. Of a caller that is what comes from the phone's port, of a phone what goes to it."""

    def __init__(self, site):
        self.host = site.host
        self.path = site.host.lab.directory / site.host.name / f"voice-{site.name}.pcap"
        # -s: a packet takes a slot of that length in the kernel's ring, which has few of the usual 256 KB.
        self.process = site.host.spawn(
            ["tcpdump", "-i", "lo", "-U", "--immediate-mode", "-s", "2048", "-B", "4096", "-Z", "root",
             "-w", str(self.path), "udp", "port", str(VOICE)], f"ears-{site.name}")
        deadline = time.monotonic() + 10
        while not (self.path.exists() and self.path.stat().st_size >= 24):  # its header: it listens
            if time.monotonic() > deadline:
                raise LabError(f"tcpdump at {site.name} does not begin: {tail(self.process.log)}")
            time.sleep(0.02)

    def stop(self):
        self.host.stop(self.process)
        return self.path


class Phone:
    """At a site, for one call. `media`: the address of its voice, as the caller's site knows it: what a
    phone behind a NAT is told, too."""

    def __init__(self, paths, site, media):
        self.paths, self.site = paths, site
        scenario = pathlib.Path(paths.lab.directory / site.name / "phone.xml")
        scenario.write_text(PHONE.replace("MEDIA", media).replace("PORT", str(VOICE)))
        self.process = site.host.spawn(
            paths.under_culvert(site.host, ["sipp", "-sf", str(scenario), "-i", "127.0.0.1", "-p", str(SIP),
                                            "-mi", "127.0.0.1", "-mp", str(VOICE), "-rtp_echo", "-m", "1",
                                            "-nostdin"]), "phone", env=paths.environment())

    def published(self, status):
        return {SIP, VOICE} <= set(status.get("published_udp", [])) and status


def call(paths, site, other_address, seconds):
    directory = paths.lab.directory / site.name
    voice, scenario = directory / "voice.ul", directory / "caller.xml"
    voice.write_bytes(bytes((7 * i) % 251 for i in range(seconds * 50 * SIZE)))
    scenario.write_text(CALLER.replace("VOICE", str(voice)).replace("LASTS", str(seconds * 1000 + 500)))
    done = subprocess.run(
        paths.command_at(site.host, ["sipp", "-sf", str(scenario), "-i", "127.0.0.1", "-mi", "127.0.0.1",
                                     "-m", "1", "-nostdin", "-timeout", f"{seconds + 20}s",
                                     f"{other_address}:{SIP}"]),
        env=paths.environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        cwd=directory, timeout=seconds + 40)
    return done.returncode, done.stdout + tail(directory / "caller.log", 5)
