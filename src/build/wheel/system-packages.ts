/** How to install what a build lacks, as people type it. */
export function installLine({ debian, rocky }: SystemPackages): string {
  return `Debian: apt install ${debian}; Rocky: dnf install ${rocky}`;
}

/** What a header, library or program is in, by a distribution's family. */
export interface SystemPackages {
  readonly debian: string;
  readonly rocky: string;
}

/** A header that a compiler did not find: `openssl/ssl.h`. */
export function packagesOfHeader(header: string): SystemPackages | undefined {
  return HEADERS.find(([name]) => header === name || (name.endsWith("/") && header.startsWith(name)))?.[1];
}

/** A program that a build called, and that is not there. */
export function packagesOfProgram(program: string): SystemPackages | undefined {
  return PROGRAMS[program];
}

const both = (name: string): SystemPackages => ({ debian: name, rocky: name });
const differ = (debian: string, rocky: string): SystemPackages => ({ debian, rocky });
const devel = (name: string): SystemPackages => differ(`${name}-dev`, `${name}-devel`);

/** Names of packages as of Debian 12 and 13, Rocky 8 and 9; some of Rocky's come from its CRB (8: PowerTools) repository. */
export const compilers: SystemPackages = differ("gcc g++", "gcc gcc-c++");
export const pythonHeaders: SystemPackages = differ("python3-dev", "python3-devel");
export const rust: SystemPackages = both("cargo");
export const postgresql: SystemPackages = differ("libpq-dev", "libpq-devel");
export const mysql: SystemPackages = differ("default-libmysqlclient-dev pkg-config", "mariadb-connector-c-devel pkgconf-pkg-config");
export const openssl: SystemPackages = differ("libssl-dev pkg-config", "openssl-devel pkgconf-pkg-config");
export const xml: SystemPackages = differ("libxml2-dev libxslt1-dev", "libxml2-devel libxslt-devel");
export const pictures: SystemPackages = differ("libjpeg-dev zlib1g-dev", "libjpeg-turbo-devel zlib-devel");
export const blas: SystemPackages = differ("libopenblas-dev gfortran", "openblas-devel gcc-gfortran");

/** A name that ends with `/` stands for all in that directory. */
const HEADERS: readonly (readonly [header: string, packages: SystemPackages])[] = [
  ["openssl/", openssl],
  ["libpq-fe.h", postgresql],
  ["mysql.h", mysql],
  ["ffi.h", differ("libffi-dev", "libffi-devel")],
  ["libxml/", xml],
  ["libxslt/", xml],
  ["jpeglib.h", pictures],
  ["zlib.h", differ("zlib1g-dev", "zlib-devel")],
  ["bzlib.h", differ("libbz2-dev", "bzip2-devel")],
  ["lzma.h", differ("liblzma-dev", "xz-devel")],
  ["zstd.h", differ("libzstd-dev", "libzstd-devel")],
  ["lz4.h", differ("liblz4-dev", "lz4-devel")],
  ["snappy.h", differ("libsnappy-dev", "snappy-devel")],
  ["sqlite3.h", differ("libsqlite3-dev", "sqlite-devel")],
  ["sql.h", differ("unixodbc-dev", "unixODBC-devel")],
  ["lber.h", differ("libldap2-dev libsasl2-dev", "openldap-devel cyrus-sasl-devel")],
  ["ldap.h", differ("libldap2-dev libsasl2-dev", "openldap-devel cyrus-sasl-devel")],
  ["sasl/", differ("libsasl2-dev", "cyrus-sasl-devel")],
  ["gssapi/", differ("libkrb5-dev", "krb5-devel")],
  ["krb5.h", differ("libkrb5-dev", "krb5-devel")],
  ["curl/", differ("libcurl4-openssl-dev", "libcurl-devel")],
  ["yaml.h", differ("libyaml-dev", "libyaml-devel")],
  ["gmp.h", differ("libgmp-dev", "gmp-devel")],
  ["mpfr.h", differ("libmpfr-dev", "mpfr-devel")],
  ["mpc.h", differ("libmpc-dev", "libmpc-devel")],
  ["ft2build.h", differ("libfreetype-dev", "freetype-devel")],
  ["png.h", differ("libpng-dev", "libpng-devel")],
  ["tiff.h", differ("libtiff-dev", "libtiff-devel")],
  ["cairo.h", differ("libcairo2-dev", "cairo-devel")],
  ["magic.h", differ("libmagic-dev", "file-devel")],
  ["rrd.h", differ("librrd-dev", "rrdtool-devel")],
  ["ev.h", differ("libev-dev", "libev-devel")],
  ["event2/", differ("libevent-dev", "libevent-devel")],
  ["sodium.h", differ("libsodium-dev", "libsodium-devel")],
  ["zmq.h", differ("libzmq3-dev", "zeromq-devel")],
  ["hdf5.h", differ("libhdf5-dev", "hdf5-devel")],
  ["proj.h", differ("libproj-dev", "proj-devel")],
  ["geos_c.h", differ("libgeos-dev", "geos-devel")],
  ["librdkafka/", differ("librdkafka-dev", "librdkafka-devel")],
  ["systemd/", differ("libsystemd-dev", "systemd-devel")],
  ["dbus/", differ("libdbus-1-dev", "dbus-devel")],
  ["linux/", differ("linux-libc-dev", "kernel-headers")],
  ["readline/", differ("libreadline-dev", "readline-devel")],
  ["ncurses.h", differ("libncurses-dev", "ncurses-devel")],
  ["curses.h", differ("libncurses-dev", "ncurses-devel")],
  ["X11/", differ("libx11-dev", "libX11-devel")],
  ["alsa/", differ("libasound2-dev", "alsa-lib-devel")],
  ["portaudio.h", differ("portaudio19-dev", "portaudio-devel")],
  ["pcap.h", devel("libpcap")],
  ["usb.h", differ("libusb-dev", "libusb-devel")],
  ["bluetooth/", differ("libbluetooth-dev", "bluez-libs-devel")],
  ["sys/acl.h", differ("libacl1-dev", "libacl-devel")],
  ["selinux/", differ("libselinux1-dev", "libselinux-devel")],
  ["cups/", differ("libcups2-dev", "cups-devel")],
  ["ibase.h", differ("firebird-dev", "firebird-devel")],
  ["boost/", differ("libboost-all-dev", "boost-devel")],
  ["Eigen/", differ("libeigen3-dev", "eigen3-devel")],
  ["cblas.h", blas],
];

const PROGRAMS: Readonly<Record<string, SystemPackages>> = {
  cmake: both("cmake"),
  ninja: both("ninja-build"),
  make: both("make"),
  git: both("git"),
  hg: both("mercurial"),
  swig: both("swig"),
  bison: both("bison"),
  flex: both("flex"),
  nasm: both("nasm"),
  patch: both("patch"),
  patchelf: both("patchelf"),
  cargo: rust,
  rustc: rust,
  go: differ("golang", "golang"),
  node: both("nodejs"),
  npm: both("npm"),
  protoc: differ("protobuf-compiler", "protobuf-compiler"),
  autoreconf: differ("autoconf automake libtool", "autoconf automake libtool"),
  "pkg-config": differ("pkg-config", "pkgconf-pkg-config"),
  "curl-config": differ("libcurl4-openssl-dev", "libcurl-devel"),
  "krb5-config": differ("libkrb5-dev", "krb5-devel"),
  "xml2-config": xml,
  "xslt-config": xml,
  "gdal-config": differ("libgdal-dev", "gdal-devel"),
  "geos-config": differ("libgeos-dev", "geos-devel"),
  "llvm-config": differ("llvm-dev", "llvm-devel"),
  "pg_config": postgresql,
  "mysql_config": mysql,
  gfortran: differ("gfortran", "gcc-gfortran"),
};
