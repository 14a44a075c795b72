package storage

import "github.com/slowtoken/slowtoken/analyzer"

// load fills the dictionary with what the database holds.
func (d *dictionary) load(view catalogView) {
	for _, r := range view.resources[1:] {
		d.resource(r)
	}
	for _, s := range view.scopes[1:] {
		d.scope(s)
	}
	for _, s := range view.shapes[1:] {
		if s.places[0].slot == slotAll {
			d.shapes.add(wholeKey, func(uint32) *shape { return s })
			d.whole = s
			continue
		}
		d.key = appendShapeKey(d.key[:0], d.sample(s))
		d.shapes.add(d.key, func(uint32) *shape { return s })
	}
	d.commit()
}

// sample returns attributes that have the shape.
func (d *dictionary) sample(s *shape) analyzer.Attributes {
	kinds := [...]analyzer.Value{
		slotString: analyzer.String(""), slotBool: analyzer.Bool(false), slotInt: analyzer.Int(0), slotDouble: analyzer.Double(0),
		slotBytes: analyzer.Bytes(nil), slotJSON: analyzer.Array(nil), slotEmpty: {},
	}
	hotKinds := map[analyzer.ValueKind]slot{
		analyzer.KindString: slotString, analyzer.KindBool: slotBool, analyzer.KindInt: slotInt, analyzer.KindDouble: slotDouble,
	}
	attrs := make(analyzer.Attributes, len(s.places))
	for i, p := range s.places {
		at := p.slot
		if at == slotHot {
			at = hotKinds[d.hot[p.hot].Kind]
		}
		attrs[i] = analyzer.Attribute{Key: p.key, Value: kinds[at]}
	}
	return attrs
}

// appendDictionary writes the rows that the batch added to the tables that spans and points refer to.
func (w *writer) appendDictionary() error {
	d := &w.dict
	if added := d.resources.added(); len(added) > 0 {
		if err := w.appendResources(uint32(d.resources.saved)+1, added); err != nil {
			return err
		}
	}
	if added := d.scopes.added(); len(added) > 0 {
		if err := w.appendScopes(uint32(d.scopes.saved)+1, added); err != nil {
			return err
		}
	}
	if added := d.shapes.added(); len(added) > 0 {
		return w.appendShapes(added)
	}
	return nil
}

func (w *writer) appendResources(id uint32, added []*analyzer.Resource) error {
	a, err := newAppender(w.conn, "resources")
	if err != nil {
		return err
	}
	defer a.destroy()
	for i, r := range added {
		row := a.row
		put(a.cols[0], row, id+uint32(i))
		a.cols[1].textOrNull(row, r.Attributes.Text("service.name"))
		a.cols[2].textOrNull(row, r.Attributes.Text("service.instance.id"))
		a.cols[3].typedMap(row, r.Attributes)
		put(a.cols[4], row, r.DroppedAttributes)
		a.cols[5].textOrNull(row, r.SchemaURL)
		if err := a.next(); err != nil {
			return err
		}
	}
	return a.flush()
}

func (w *writer) appendScopes(id uint32, added []*analyzer.Scope) error {
	a, err := newAppender(w.conn, "scopes")
	if err != nil {
		return err
	}
	defer a.destroy()
	for i, s := range added {
		row := a.row
		put(a.cols[0], row, id+uint32(i))
		a.cols[1].text(row, s.Name)
		a.cols[2].textOrNull(row, s.Version)
		a.cols[3].typedMap(row, s.Attributes)
		put(a.cols[4], row, s.DroppedAttributes)
		a.cols[5].textOrNull(row, s.SchemaURL)
		if err := a.next(); err != nil {
			return err
		}
	}
	return a.flush()
}

func (w *writer) appendShapes(added []*shape) error {
	a, err := newAppender(w.conn, "attribute_shapes")
	if err != nil {
		return err
	}
	defer a.destroy()
	for _, s := range added {
		row := a.row
		keys, slots := make([]string, len(s.places)), make([]string, len(s.places))
		for i, p := range s.places {
			keys[i], slots[i] = p.key, slotNames[p.slot]
		}
		put(a.cols[0], row, s.id)
		a.cols[1].texts(row, keys)
		a.cols[2].texts(row, slots)
		a.cols[3].texts(row, s.listKeys(slotString, slotJSON, slotAll))
		a.cols[4].texts(row, s.listKeys(slotInt, slotBool))
		a.cols[5].texts(row, s.listKeys(slotDouble))
		a.cols[6].texts(row, s.listKeys(slotBytes))
		if err := a.next(); err != nil {
			return err
		}
	}
	return a.flush()
}

// texts writes a list of strings.
func (v *vector) texts(row int, list []string) {
	items := v.items()
	from := v.open(row, len(list))
	for i, s := range list {
		items.text(from+i, s)
	}
}
