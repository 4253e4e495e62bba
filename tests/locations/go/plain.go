//go:build !native

package main

func called() {}
