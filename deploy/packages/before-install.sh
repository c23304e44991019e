#!/bin/sh
# Debian alone: dpkg calls it with `install` at the first installation and at one after a removal, with `upgrade` else. The
# script after the installation is given the version before in both of the last cases, and must know them apart.
set -e

if [ "$1" = install ]; then
    : >"/run/@NAME@.install"
fi
