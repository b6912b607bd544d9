#!/bin/sh
# What an administrator does with the two Debian packages, on a copy of this machine that nothing leaves:
# an overlay over its files, in namespaces of its own. A line for each result.
#
#   installed.sh DIRECTORY    an empty file system with the packages in DIRECTORY/packages
#
# The shell has to be the first process of new mount, network and process namespaces.
set -u
directory=$1
machine=$directory/machine
failed=0

check() { # SENTENCE COMMAND...
  sentence=$1
  shift
  if output=$("$@" 2>&1); then
    echo "ok $sentence"
  else
    printf 'not ok %s\n%s\n' "$sentence" "$output"
    failed=1
  fi
}

here() { chroot "$machine" "$@"; }

# As the unit file starts it: the user, his capabilities.
daemon() { # USER CAPABILITIES PROGRAM
  here setpriv --reuid "$1" --regid "$1" --init-groups --inh-caps "$2" --ambient-caps "$2" \
    "/usr/bin/$3" --config "/etc/culvert/${3#culvert-}.toml" >"$directory/$3.log" 2>&1 &
}

# Waits for what a daemon logs when it is ready, and fails if it does not within ten seconds.
logged() { # PROGRAM TEXT
  timeout 10 tail -n +1 -F "$directory/$1.log" 2>/dev/null | grep -q -m1 "$2" || {
    cat "$directory/$1.log"
    return 1
  }
}

documented() { # PROGRAM PAGE: every option and command of --help is in the manual
  for word in $(here "/usr/bin/$1" --help | grep -oE -e '--[a-z][a-z-]+' -e '^  [a-z]+' | sort -u); do
    tr -d '\\' <"$machine/usr/share/man/$2" | grep -q -e "$word" || {
      echo "the manual does not tell of $word"
      return 1
    }
  done
}

enrolled() { here culvert-service invite web | here culvert enroll; }
fetched() { here setpriv --reuid nobody --regid nogroup --clear-groups culvert run -- curl -sS http://web.example.net/ |
  grep control_socket; }
# As the manual says; any user's program, without culvert run.
looked_up() {
  sed -i 's/^hosts:.*/hosts: files culvert [NOTFOUND=return TRYAGAIN=return] dns/' "$machine/etc/nsswitch.conf"
  here setpriv --reuid nobody --regid nogroup --clear-groups getent ahosts web.example.net | grep '^127\.'
}
gone() { ! ls -d "$machine"/etc/culvert "$machine"/var/lib/culvert* "$machine/usr/bin/culvert" "$machine/usr/lib/culvert" \
  "$machine"/usr/lib/*/libnss_culvert* 2>/dev/null; }

mkdir "$machine" "$directory/upper" "$directory/work"
mount -t overlay overlay -o "lowerdir=/,upperdir=$directory/upper,workdir=$directory/work" "$machine" || exit 77
for folder in proc run tmp; do mount -t tmpfs tmpfs "$machine/$folder"; done
mount -t proc proc "$machine/proc"
mount --rbind /dev "$machine/dev"
mkdir "$machine/run/packages"
mount --bind "$directory/packages" "$machine/run/packages"
ip link set lo up
printf '127.0.0.1 localhost\n' >"$machine/etc/hosts"

check "the packages install" here sh -c 'dpkg -i /run/packages/*.deb'
check "the service's first configuration is accepted" here culvert-service --check
sed -i 's/^listen = .*/listen = "127.0.0.1:443"/' "$machine/etc/culvert/service.toml"
sed -i -e 's/^policy = "never"/policy = "always"/' -e 's/^#\(\[\[listen\|port = \|to = \)/\1/' \
  -e 's/^port = 22/port = 80/; s/127.0.0.1:22/127.0.0.1:80/' "$machine/etc/culvert/agent.toml"

daemon culvert-service +net_bind_service culvert-service
check "the service runs as its user" logged culvert-service event=listening
check "root invites and enrols, and the files are those of the daemons' users" enrolled
daemon culvert +net_bind_service,+net_raw culvert-agent
check "the agent runs as its user" logged culvert-agent event=started
here busybox httpd -f -p 127.0.0.1:80 -h /usr/share/doc/culvert-agent/examples &
cp "$machine/etc/culvert/agent.toml" "$machine/usr/share/doc/culvert-agent/examples/index.html"
check "any user reaches the machine's web server by its name" fetched
check "a machine's name server switch finds its name for every program" looked_up

check "the agent's unit file is in order" here systemd-analyze verify /usr/lib/systemd/system/culvert-agent.service
check "the service's unit file is in order" here systemd-analyze verify /usr/lib/systemd/system/culvert-service.service
check "culvert(1) tells of every command" documented culvert man1/culvert.1
check "culvert-agent(8) tells of every option" documented culvert-agent man8/culvert-agent.8
check "culvert-service(8) tells of every command and option" documented culvert-service man8/culvert-service.8

check "the packages are purged" here dpkg --purge culvert-agent culvert-service
check "nothing of them is left" gone
exit $failed
