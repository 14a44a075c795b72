package storage

import (
	"context"
	"fmt"
	"sync"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A catalog holds the resources, scopes and shapes that spans refer to by number, for readers. Rows of these tables never
// change, so what was read once is good for all readers, and every span of a resource shares one *Resource.
type catalog struct {
	hot []hotColumn

	mu        sync.Mutex
	resources []*analyzer.Resource // by number; 0 is nil
	scopes    []*analyzer.Scope
	shapes    []*shape
}

// A catalogView is a catalog as it was at one moment: enough for what was committed before it.
type catalogView struct {
	resources []*analyzer.Resource
	scopes    []*analyzer.Scope
	shapes    []*shape
}

// view reads what the catalog lacks, within the connection's transaction.
func (k *catalog) view(ctx context.Context, c *conn) (catalogView, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.resources == nil {
		k.resources, k.scopes, k.shapes = []*analyzer.Resource{nil}, []*analyzer.Scope{nil}, []*shape{{}}
	}
	err := k.read(ctx, c)
	n, m, s := len(k.resources), len(k.scopes), len(k.shapes)
	return catalogView{k.resources[:n:n], k.scopes[:m:m], k.shapes[:s:s]}, err
}

func (k *catalog) read(ctx context.Context, c *conn) error {
	var bad error
	attributes := func(col column, row int) analyzer.Attributes {
		attrs, err := parseTypedMap(col.text(row))
		if err != nil && bad == nil {
			bad = err
		}
		return attrs
	}
	check := func(table string, id uint32, next int) {
		if int(id) != next && bad == nil {
			bad = fmt.Errorf("table %s lacks row %d: the database is damaged", table, next)
		}
	}
	err := c.each(ctx, func(ch chunk, row int) {
		check("resources", at[uint32](ch.column(0), row), len(k.resources))
		k.resources = append(k.resources, &analyzer.Resource{
			Attributes:        attributes(ch.column(1), row),
			DroppedAttributes: at[uint32](ch.column(2), row),
			SchemaURL:         ch.column(3).text(row),
		})
	}, queryResources.text(), len(k.resources)-1)
	if err != nil || bad != nil {
		return firstError(err, bad)
	}
	err = c.each(ctx, func(ch chunk, row int) {
		check("scopes", at[uint32](ch.column(0), row), len(k.scopes))
		k.scopes = append(k.scopes, &analyzer.Scope{
			Name:              ch.column(1).text(row),
			Version:           ch.column(2).text(row),
			Attributes:        attributes(ch.column(3), row),
			DroppedAttributes: at[uint32](ch.column(4), row),
			SchemaURL:         ch.column(5).text(row),
		})
	}, queryScopes.text(), len(k.scopes)-1)
	if err != nil || bad != nil {
		return firstError(err, bad)
	}
	err = c.each(ctx, func(ch chunk, row int) {
		check("attribute_shapes", at[uint32](ch.column(0), row), len(k.shapes))
		s, err := k.shape(at[uint32](ch.column(0), row), ch.column(1).textList(row), ch.column(2).textList(row))
		if err != nil && bad == nil {
			bad = err
		}
		k.shapes = append(k.shapes, s)
	}, queryShapes.text(), len(k.shapes)-1)
	return firstError(err, bad)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (c column) textList(row int) []string {
	from, to := c.list(row)
	items := c.items()
	list := make([]string, 0, to-from)
	for i := from; i < to; i++ {
		list = append(list, items.text(i))
	}
	return list
}

// shape reads a row of attribute_shapes.
func (k *catalog) shape(id uint32, keys, slots []string) (*shape, error) {
	s := &shape{id: id}
	if len(keys) != len(slots) {
		return s, fmt.Errorf("attribute shape %d has %d keys and %d slots: the database is damaged", id, len(keys), len(slots))
	}
	for i, key := range keys {
		at, err := parseSlot(slots[i])
		if err != nil {
			return s, err
		}
		p := place{key: key, slot: at, hot: hotIndex(k.hot, key), wanted: wantedKeys[key]}
		if at == slotHot && p.hot < 0 {
			return s, fmt.Errorf("attribute shape %d: %s has no column that this slowtoken knows", id, key)
		}
		s.elsewhere = s.elsewhere || at == slotAll || p.wanted && at != slotHot
		s.places = append(s.places, p)
	}
	return s, nil
}
